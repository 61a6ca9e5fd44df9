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

"""A PCI device of a compute host."""

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from pci_ext.objects import base


@ovo_base.VersionedObjectRegistry.register
class PciDevice(base.PciExtObject):
    """A device.

    ``dev_id`` is the hypervisor's name of it (``pci_0000_02_00_0``),
    ``address`` its PCI address (``0000:02:00.0``; the domain can have 32 bits,
    ``10000:e1:00.0``), ``dev_type`` and ``status`` are Nova's words, and
    ``attributes`` the operator's, whose keys start with ``e.``.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'uuid': fields.UUIDField(),
        'dev_id': fields.StringField(),
        # Not PCIAddressField: it refuses domains of 32 bits.
        'address': fields.StringField(),
        'vendor_id': fields.StringField(),
        'product_id': fields.StringField(),
        'dev_type': fields.StringField(),
        'numa_node': fields.IntegerField(nullable=True),
        'parent_addr': fields.StringField(nullable=True),
        'status': fields.StringField(),
        'server_uuid': fields.UUIDField(nullable=True),
        'host': fields.StringField(nullable=True),
        'attributes': fields.DictOfStringsField(default={}),
    }
