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

"""The base of the versioned objects of pci_ext."""

from typing import Any

from oslo_versionedobjects import base


class PciExtObject(base.VersionedObject):
    """Plain data.

    A field that is not given has its default, or else None if it may.
    """

    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    def __init__(self, context: Any = None, **values: Any) -> None:
        super().__init__(context, **values)
        self.obj_set_defaults()
        for name, field in self.fields.items():
            if field.nullable and not self.obj_attr_is_set(name):
                setattr(self, name, None)

    @classmethod
    def obj_name(cls) -> str:
        """Name the class, unlike any of Nova's.

        The registry of oslo.versionedobjects is one for the process and keyed
        by this name alone: a second PciDevice would replace Nova's.
        """
        return 'PciExt' + cls.__name__
