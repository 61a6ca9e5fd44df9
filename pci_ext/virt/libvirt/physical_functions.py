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

"""What is taken from guests by giving away a physical function.

Before vfio gets the PF of a card, the host's driver is unbound from it. Most
drivers remove the VFs then, also those that guests have, for whose release the
kernel waits. Nova excludes one by the other among the devices that it tracks;
a host may offer the PF alone.
"""

from collections.abc import Iterable

from lxml import etree

from pci_ext.i18n import _
from pci_ext.virt.libvirt import domain_xml


def virtual_functions(xml: str) -> frozenset[str]:
    """Give the addresses of the VFs of a device, if it is a PF.

    :param xml: libvirt's description of the node device
    """
    found = etree.fromstring(xml).iterfind(
        "capability/capability[@type='virt_functions']/address"
    )
    return frozenset(map(domain_xml.address, found))


def conflict(vfs: frozenset[str], domains: Iterable[str]) -> str | None:
    """Say why a PF cannot be given to a guest because of its VFs.

    :param vfs: their addresses
    :param domains: libvirt's descriptions of the domains that run
    :returns: None if it can be
    """
    for xml in domains:
        held = vfs & domain_xml.held_addresses(xml)
        if held:
            return _('its VFs %(vfs)s are in domain %(domain)s.') % {
                'vfs': ', '.join(sorted(held)),
                'domain': etree.fromstring(xml).findtext('name'),
            }
    return None
