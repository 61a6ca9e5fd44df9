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

"""Removes the lines that enable pci_ext, and puts them back."""

from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory


def set_enabled(state: state_directory.State, enabled: bool) -> None:
    """Write the files of Nova with or without the lines of the install page.

    The package and the database of pci_ext remain. The services are to be
    started: those with changed files are restarted.
    """
    state.mark_enabled(enabled)
    services.write(state)
    for host in hypervisors.HOSTS:
        computes.write(state, host)
