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

"""A pool: devices of a host with equal grouping attributes."""

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from pci_ext.objects import base


@ovo_base.VersionedObjectRegistry.register
class PciPool(base.PciExtObject):
    """A pool; ``count`` is the number of its devices that are free."""

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'host': fields.StringField(),
        'properties': fields.DictOfStringsField(default={}),
        'count': fields.NonNegativeIntegerField(),
    }
