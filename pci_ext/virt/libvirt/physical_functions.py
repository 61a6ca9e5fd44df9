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

"""Conflicts of a physical function with the VFs that guests have.

Before vfio gets a PF, the host's driver is unbound from it. Most drivers then
remove the VFs, also those in guests, and the kernel waits for their release.
Nova does not allocate a PF with its VFs, but tracks offered devices only: a
host may offer the PF alone.
"""

from collections.abc import Iterable

from lxml import etree

from pci_ext.i18n import _
from pci_ext.virt.libvirt import domain_xml


def virtual_functions(xml: str) -> frozenset[str]:
    """Return the addresses of the VFs of a device, if it is a PF.

    :param xml: libvirt's description of the node device
    """
    found = etree.fromstring(xml).iterfind(
        "capability/capability[@type='virt_functions']/address"
    )
    return frozenset(map(domain_xml.address, found))


def conflict(vfs: frozenset[str], domains: Iterable[str]) -> str | None:
    """Return the reason why a PF cannot be attached because of its VFs.

    :param vfs: addresses of the VFs
    :param domains: libvirt's descriptions of the running domains
    :returns: None if it can be attached
    """
    for xml in domains:
        in_domain = vfs & domain_xml.all_addresses(xml)
        if in_domain:
            return _('its VFs %(vfs)s are in domain %(domain)s.') % {
                'vfs': ', '.join(sorted(in_domain)),
                'domain': etree.fromstring(xml).findtext('name'),
            }
    return None
