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

"""Seam: save the keys in the system metadata of a server that have changed.

Nova saves the system metadata as a whole. So a key that another service has
added since the server was loaded is lost, and one that it has removed comes
back: the marks of pci_ext, and keys of Nova, which a lock of a server or a
password from its guest changes at any time.
"""

from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.db.main import api as db_api
from nova.objects import instance as instance_module

from pci_ext.activation import seam
from pci_ext.requests import call_arguments

_FIELD = 'system_metadata'

#: Key in a sent server, beside those of oslo.versionedobjects: its system
#: metadata when it was loaded. Only the sender knows it.
_LOADED = 'pci_ext.loaded_system_metadata'

_to_primitive = instance_module.Instance.obj_to_primitive
_from_primitive = instance_module.Instance._obj_from_primitive.__func__
_update_in_place = db_api._instance_metadata_update_in_place


def loaded(instance: 'objects.Instance') -> Mapping[str, str] | None:
    """Return the system metadata of a server when it was loaded.

    :returns: None if no key has changed since
    """
    if _FIELD not in instance:
        return None
    metadata: Mapping[str, str] = instance._orig_system_metadata
    return metadata if metadata != instance.system_metadata else None


def obj_to_primitive(
    self: 'objects.Instance',
    target_version: str | None = None,
    version_manifest: dict[str, str] | None = None,
) -> dict[str, Any]:
    primitive: dict[str, Any] = _to_primitive(
        self, target_version, version_manifest
    )
    metadata = loaded(self)
    if metadata is not None:
        primitive[_LOADED] = dict(metadata)
    return primitive


def _obj_from_primitive(
    cls: type['objects.Instance'],
    context: nova_context.RequestContext,
    objver: str,
    primitive: dict[str, Any],
) -> 'objects.Instance':
    instance = _from_primitive(cls, context, objver, primitive)
    if _LOADED in primitive:
        instance._orig_system_metadata = primitive[_LOADED]
    return instance


def _instance_metadata_update_in_place(
    context: nova_context.RequestContext,
    instance: Any,
    metadata_type: str,
    model: Any,
    metadata: Mapping[str, str],
) -> None:
    """Apply the changes to the rows as they are in this transaction."""
    before = call_arguments.current().loaded_metadata
    if metadata_type == _FIELD and before is not None:
        removed = before.keys() - metadata.keys()
        metadata = {
            row['key']: row['value']
            for row in instance[metadata_type]
            if row['key'] not in removed
        } | dict(metadata.items() - before.items())
    _update_in_place(context, instance, metadata_type, model, metadata)


_INSTANCE = 'nova.objects.instance'

SEAMS = (
    seam.Seam(
        module=_INSTANCE,
        name='Instance.obj_to_primitive',
        replacement=obj_to_primitive,
        signatures={'': ('self', 'target_version', 'version_manifest')},
    ),
    seam.Seam(
        module=_INSTANCE,
        name='Instance._obj_from_primitive',
        replacement=classmethod(_obj_from_primitive),
        signatures={'': ('context', 'objver', 'primitive')},
    ),
    seam.Seam(
        module='nova.db.main.api',
        name='_instance_metadata_update_in_place',
        replacement=_instance_metadata_update_in_place,
        signatures={
            '': ('context', 'instance', 'metadata_type', 'model', 'metadata')
        },
    ),
)
