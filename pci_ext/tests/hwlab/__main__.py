# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Run tests in the machine: ``python -m pci_ext.tests.hwlab [TEST...]``."""

from collections.abc import Sequence
import os
import sys
import unittest

from pci_ext.tests.hwlab import sysfs
from pci_ext.tests.hwlab import tap


def main(names: Sequence[str]) -> int:
    """Run tests of this package by their names, or all."""
    package = 'pci_ext.tests.hwlab'
    loader = unittest.defaultTestLoader
    if names:
        suite = loader.loadTestsFromNames(
            [f'{package}.{name.removeprefix(package + ".")}' for name in names]
        )
    else:
        suite = loader.discover(os.path.dirname(__file__), top_level_dir='.')
    about = '\n'.join(sysfs.describe())
    return 0 if tap.run(suite, sys.stdout, about) else 1


if __name__ == '__main__':
    # Threads for libvirt's events would prevent the end of the process.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
