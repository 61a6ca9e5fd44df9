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

"""What pci_ext adds to a driver of Nova, whatever the hypervisor."""

from pci_ext.integration import activation


class PciExtDriverMixin:
    """To be mixed in before a driver class of Nova."""

    def init_host(self, host: str) -> None:
        """Refuse to drive a host where the seams are not installed.

        :raises NotActivated: naming the line that is missing
        """
        activation.require(f'The compute driver {type(self).__name__}')
        super().init_host(host)  # type: ignore[misc]
