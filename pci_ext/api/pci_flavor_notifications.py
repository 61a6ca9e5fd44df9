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

"""Versioned notifications of PCI flavors, as Nova notifies for flavors.

A payload has the form of Nova's, its own namespace ``pci_ext`` and a version
of its own. Nothing is built or sent unless ``[notifications]
notification_format`` asks for versioned notifications.
"""

from nova import context as nova_context
from nova import rpc
from nova.notifications.objects import base
from nova.objects import base as nova_base
from nova.objects import fields
from oslo_config import cfg

from pci_ext.objects import pci_flavor

CONF = cfg.CONF

CREATE = fields.NotificationAction.CREATE
UPDATE = fields.NotificationAction.UPDATE
DELETE = fields.NotificationAction.DELETE


# Not registered: payloads are only sent, never parsed, and the registry is
# that of Nova.
@nova_base.NovaObjectRegistry.register_if(False)
class PciFlavorPayload(base.NotificationPayloadBase):
    """All fields of a PCI flavor, after the change or before the delete."""

    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    SCHEMA = {
        name: ('pci_flavor', name)
        for name in (
            'uuid',
            'name',
            'description',
            'is_public',
            'live_migration',
            'specs',
            'projects',
            'created_at',
            'updated_at',
        )
    }

    fields = {
        'uuid': fields.UUIDField(),
        'name': fields.StringField(),
        'description': fields.StringField(nullable=True),
        'is_public': fields.BooleanField(),
        'live_migration': fields.EnumField(
            valid_values=pci_flavor.LiveMigration.ALL
        ),
        'specs': fields.DictOfStringsField(),
        'projects': fields.ListOfStringsField(),
        'created_at': fields.DateTimeField(nullable=True),
        'updated_at': fields.DateTimeField(nullable=True),
    }

    def __init__(self, flavor: pci_flavor.PciFlavor) -> None:
        super().__init__()
        self.populate_schema(pci_flavor=flavor)


@nova_base.NovaObjectRegistry.register_if(False)
class PciFlavorNotification(base.NotificationBase):
    # Version 1.0: Initial version
    VERSION = '1.0'
    OBJ_PROJECT_NAMESPACE = 'pci_ext'

    fields = {'payload': fields.ObjectField('PciFlavorPayload')}


@rpc.if_notifications_enabled
def notify(
    context: nova_context.RequestContext,
    action: str,
    flavor: pci_flavor.PciFlavor,
) -> None:
    """Send ``pci_flavor.ACTION``, after the database was changed.

    :param action: `CREATE`, `UPDATE` or `DELETE`
    :param flavor: as it is now, or was until it was deleted
    """
    PciFlavorNotification(
        publisher=base.NotificationPublisher(
            host=CONF.host, source=fields.NotificationSource.API
        ),
        event_type=base.EventType(object='pci_flavor', action=action),
        priority=fields.NotificationPriority.INFO,
        payload=PciFlavorPayload(flavor),
    ).emit(context)
