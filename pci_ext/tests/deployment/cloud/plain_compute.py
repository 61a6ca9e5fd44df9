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

"""nova-compute without pci_ext, on a simulated host."""

import sys

from nova.cmd import compute

from pci_ext import conf
from pci_ext.tests.functional import plain_nova


def main() -> None:
    # The driver reads the hardware of the host by them.
    conf.register_opts()
    plain_nova.install_driver()
    compute.main()


if __name__ == '__main__':
    sys.exit(main())
