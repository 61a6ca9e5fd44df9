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

"""Seam: save the PCI requests of a server only if they have changed.

Nova writes the requests with each save of a server that has them loaded, even
if the save is then refused for the task state of the server. nova-api loads
them with the server and saves it seconds later, when an attach or detach may
have recorded other requests.
"""

import contextlib
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.objects import base
from nova.objects import instance as instance_module
from nova.objects import instance_pci_requests

from pci_ext.activation import seam
from pci_ext.requests import call_arguments
from pci_ext.requests import saved_metadata

_FIELD = 'pci_requests'

#: Attribute of requests: their content when they were loaded. It is not a
#: field, so it is neither sent nor copied.
_LOADED = '_pci_ext_loaded'

_save = instance_module.Instance.save
_from_db = instance_pci_requests.InstancePCIRequests.obj_from_db.__func__
_from_primitive = (
    instance_pci_requests.InstancePCIRequests._obj_from_primitive.__func__
)


def _remember(
    requests: 'objects.InstancePCIRequests',
) -> 'objects.InstancePCIRequests':
    setattr(requests, _LOADED, requests.to_json())
    return requests


def obj_from_db(
    cls: type['objects.InstancePCIRequests'],
    context: nova_context.RequestContext,
    instance_uuid: str,
    db_requests: str | None,
) -> 'objects.InstancePCIRequests':
    return _remember(_from_db(cls, context, instance_uuid, db_requests))


def _obj_from_primitive(
    cls: type['objects.InstancePCIRequests'],
    context: nova_context.RequestContext,
    objver: str,
    primitive: dict[str, Any],
) -> 'objects.InstancePCIRequests':
    return _remember(_from_primitive(cls, context, objver, primitive))


def _have_changed(instance: 'objects.Instance') -> bool:
    """Return whether requests were replaced, or changed in place."""
    requests = instance.pci_requests
    return bool(
        _FIELD in instance.obj_what_changed()
        or requests is None
        or getattr(requests, _LOADED, None) != requests.to_json()
    )


def save(
    self: 'objects.Instance',
    expected_vm_state: Any = None,
    expected_task_state: Any = None,
    admin_state_reset: bool = False,
) -> None:
    """Save a server, with its PCI requests and metadata as they changed.

    On a compute host the conductor saves: it cannot tell a change in place
    from what it is sent, so that such a change is marked here.
    """
    attribute = base.get_attrname(_FIELD)
    with contextlib.ExitStack() as stack:
        if _FIELD in self:
            requests = self.pci_requests
            if _have_changed(self):
                self.pci_requests = requests
            else:
                # Nova saves the requests that it finds.
                delattr(self, attribute)
                stack.callback(setattr, self, attribute, requests)
        stack.enter_context(
            call_arguments.passing(loaded_metadata=saved_metadata.loaded(self))
        )
        _save(
            self,
            expected_vm_state=expected_vm_state,
            expected_task_state=expected_task_state,
            admin_state_reset=admin_state_reset,
        )
    if _FIELD in self and self.pci_requests is not None:
        # Nova resets the change only if it has saved something else, too.
        self.obj_reset_changes([_FIELD], recursive=True)
        _remember(self.pci_requests)


_REQUESTS = 'nova.objects.instance_pci_requests'

SEAMS = (
    seam.Seam(
        module=_REQUESTS,
        name='InstancePCIRequests.obj_from_db',
        replacement=classmethod(obj_from_db),
        signatures={'': ('context', 'instance_uuid', 'db_requests')},
    ),
    seam.Seam(
        module=_REQUESTS,
        name='InstancePCIRequests._obj_from_primitive',
        replacement=classmethod(_obj_from_primitive),
        signatures={'': ('context', 'objver', 'primitive')},
    ),
    seam.Seam(
        module='nova.objects.instance',
        name='Instance.save',
        replacement=save,
        signatures={
            '': (
                'self',
                'expected_vm_state',
                'expected_task_state',
                'admin_state_reset',
            )
        },
    ),
)
