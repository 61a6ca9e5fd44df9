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

"""Versioned notifications of attach and detach, like Nova's of volumes.

``instance.pci_attach`` and ``instance.pci_detach``, each with ``start`` and
then ``end`` or ``error``.
"""

import dataclasses

from nova import context as nova_context
from nova import objects
from nova.notifications.objects import base
from nova.notifications.objects import exception as nova_exception
from nova.notifications.objects import instance as nova_instance
from nova.notifications.objects import request_spec
from nova.objects import base as nova_base
from nova.objects import fields

from pci_ext.compute import instance_devices
from pci_ext.requests import instance_requests

START = fields.NotificationPhase.START
END = fields.NotificationPhase.END
ERROR = fields.NotificationPhase.ERROR

ATTACH = 'pci_attach'
DETACH = 'pci_detach'


# Not registered: a notification is never made into objects again, and the
# registry is Nova's.
@nova_base.NovaObjectRegistry.register_if(False)
class PciEventType(base.EventType):
    """Nova's event type, with the actions of pci_ext."""

    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    fields = {'action': fields.EnumField(valid_values=(ATTACH, DETACH))}


@nova_base.NovaObjectRegistry.register_if(False)
class PciDevicePayload(base.NotificationPayloadBase):
    """A device; ``request_id`` names the request that it was claimed for."""

    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    SCHEMA = {
        name: ('device', name)
        for name in (
            'uuid',
            'address',
            'dev_id',
            'vendor_id',
            'product_id',
            'dev_type',
            'numa_node',
            'request_id',
        )
    }

    fields = {
        'uuid': fields.UUIDField(nullable=True),
        # Not PCIAddressField: it refuses domains of 32 bits.
        'address': fields.StringField(),
        'dev_id': fields.StringField(nullable=True),
        'vendor_id': fields.StringField(),
        'product_id': fields.StringField(),
        'dev_type': fields.PciDeviceTypeField(),
        'numa_node': fields.IntegerField(nullable=True),
        'request_id': fields.StringField(nullable=True),
    }

    def __init__(self, device: 'objects.PciDevice') -> None:
        super().__init__()
        self.populate_schema(device=device)


@nova_base.NovaObjectRegistry.register_if(False)
class InstanceActionPciPayload(nova_instance.InstanceActionPayload):
    """A server, and the requests and devices that are attached or detached.

    An attach has devices only after they are claimed.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    fields = {
        'pci_requests': fields.ListOfObjectsField('InstancePCIRequestPayload'),
        'pci_devices': fields.ListOfObjectsField('PciDevicePayload'),
    }

    def __init__(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        fault: nova_exception.ExceptionPayload | None,
        subject: 'Subject',
    ) -> None:
        super().__init__(context=context, instance=instance, fault=fault)
        self.pci_requests = subject.requests
        self.pci_devices = subject.devices


@nova_base.NovaObjectRegistry.register_if(False)
class InstanceActionPciNotification(base.NotificationBase):
    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    fields = {
        'event_type': fields.ObjectField('PciEventType'),
        'payload': fields.ObjectField('InstanceActionPciPayload'),
    }


@dataclasses.dataclass(frozen=True)
class Subject:
    """A copy of the requests and devices that are attached or detached.

    A device loses its request id when it is freed.
    """

    requests: list[request_spec.InstancePCIRequestPayload]
    devices: list[PciDevicePayload]

    @classmethod
    def copy(
        cls,
        requests: instance_devices.Requests,
        devices: instance_devices.Devices,
    ) -> 'Subject':
        return cls(
            request_spec.InstancePCIRequestPayload.from_pci_request_list_obj(
                requests
            ),
            [PciDevicePayload(device) for device in devices],
        )

    @classmethod
    def of_devices(
        cls,
        instance: 'objects.Instance',
        devices: instance_devices.Devices,
    ) -> 'Subject':
        """Copy devices of a server and the requests they were claimed for."""
        request_ids = {device.request_id for device in devices}
        return cls.copy(
            [
                request
                for request in instance_requests.list_requests(instance)
                if request.request_id in request_ids
            ],
            devices,
        )


def notify(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    host: str,
    action: str,
    phase: str,
    subject: Subject,
    error: Exception | None = None,
) -> None:
    """Send ``instance.ACTION.PHASE``.

    :param action: `ATTACH` or `DETACH`
    :param phase: `START`, `END` or `ERROR`
    :param error: the reason, with `ERROR`
    """
    fault = None
    priority = fields.NotificationPriority.INFO
    if error is not None:
        fault = _fault_of(error)
        priority = fields.NotificationPriority.ERROR
    InstanceActionPciNotification(
        publisher=base.NotificationPublisher(
            host=host, source=fields.NotificationSource.COMPUTE
        ),
        event_type=PciEventType(object='instance', action=action, phase=phase),
        priority=priority,
        payload=InstanceActionPciPayload(context, instance, fault, subject),
    ).emit(context)


def _fault_of(error: Exception) -> nova_exception.ExceptionPayload:
    if error.__traceback__ is not None:
        return nova_exception.ExceptionPayload.from_exception(error)
    # It was never raised: nova-compute made it to report an interruption.
    return nova_exception.ExceptionPayload(
        module_name=type(error).__module__,
        function_name='',
        exception=type(error).__name__,
        exception_message=str(error),
        traceback='',
    )
