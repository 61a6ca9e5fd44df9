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

"""Copies of the source tree."""

from collections.abc import Iterator
import contextlib
import shutil
import tempfile

from pci_ext.tests.deployment.cloud import state_directory


@contextlib.contextmanager
def copied() -> Iterator[str]:
    """Return the folder of a copy, which is removed afterwards.

    tox may build the package meanwhile, and a build writes into its source.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            state_directory.ROOT,
            folder,
            ignore=shutil.ignore_patterns(
                '.tox', '.venv*', '*.egg-info', 'dist'
            ),
            symlinks=True,
            dirs_exist_ok=True,
        )
        yield folder
