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

"""PCI flavors: named selectors of devices."""

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from pci_ext.matching import patterns
from pci_ext.objects import base

#: Characters in a description.
MAX_DESCRIPTION_LENGTH = 1024

#: Characters in a pattern of the specs.
MAX_VALUE_LENGTH = patterns.MAX_LENGTH


class LiveMigration:
    """Live migration policies of the devices of a PCI flavor.

    FORBID: the server cannot be migrated live. HOTPLUG: the device is detached
    before and one of the destination is attached after. NATIVE: the hypervisor
    migrates the state of the device.
    """

    FORBID = 'forbid'
    HOTPLUG = 'hotplug'
    NATIVE = 'native'

    ALL = (FORBID, HOTPLUG, NATIVE)


@ovo_base.VersionedObjectRegistry.register
class PciFlavor(base.PciExtObject):
    """A named selector.

    ``specs`` has patterns by attribute; ``projects`` the ids of the projects
    with access, which count unless ``is_public``. Times are in UTC.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'uuid': fields.UUIDField(),
        'name': fields.StringField(),
        'description': fields.StringField(nullable=True),
        'is_public': fields.BooleanField(default=True),
        'live_migration': fields.EnumField(
            valid_values=LiveMigration.ALL, default=LiveMigration.FORBID
        ),
        'specs': fields.DictOfStringsField(default={}),
        'projects': fields.ListOfStringsField(default=[]),
        'created_at': fields.DateTimeField(nullable=True),
        'updated_at': fields.DateTimeField(nullable=True),
    }
