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

"""Fake networks of libvirt, which Nova's fakelibvirt does not have."""

from typing import Any

from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

#: The error code of libvirt.
VIR_ERR_NO_NETWORK = 43


def libvirt_error(message: str, code: int) -> Exception:
    """Make an error as libvirt-python raises it."""
    error: Exception = fakelibvirt.make_libvirtError(
        fakelibvirt.libvirtError, message, error_code=code
    )
    return error


class Network:
    """A fake of the class virNetwork of libvirt-python."""

    def __init__(self, networks: dict[str, 'Network'], xml: str) -> None:
        self._networks = networks
        self._xml = xml

    def name(self) -> str:
        return str(etree.fromstring(self._xml).findtext('name'))

    def XMLDesc(self, flags: int) -> str:
        return self._xml

    def destroy(self) -> None:
        del self._networks[self.name()]


class Networks:
    """The methods of a connection that create, find and list networks.

    :ivar networks: the networks of the host by name
    :ivar error: an error that every method raises, or None
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.networks: dict[str, Network] = {}
        self.error: Exception | None = None

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def networkCreateXML(self, xml: str) -> None:
        self._check()
        network = Network(self.networks, xml)
        assert network.name() not in self.networks, 'exists already'
        self.networks[network.name()] = network

    def networkLookupByName(self, name: str) -> Network:
        self._check()
        if name not in self.networks:
            raise libvirt_error(
                'no network with this name', VIR_ERR_NO_NETWORK
            )
        return self.networks[name]

    def listAllNetworks(self, flags: int) -> list[Network]:
        self._check()
        return list(self.networks.values())
