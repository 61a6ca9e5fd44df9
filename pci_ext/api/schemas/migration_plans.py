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

"""Schemas of plans of live migrations."""

from nova.api.validation import parameter_types

from pci_ext.api.schemas import common
from pci_ext.api.schemas import evaluations
from pci_ext.api.schemas import inventory
from pci_ext.objects import pci_flavor

_TEXT: common.Schema = {'type': 'string'}
_TEXT_OR_NULL: common.Schema = {'type': ['string', 'null']}

index_query: common.Schema = {
    'type': 'object',
    'properties': {
        'host': parameter_types.single_param(
            common.described(
                {**inventory.TEXT, 'minLength': 1},
                'Only this destination; all by default.',
            )
        )
    },
    'additionalProperties': False,
}

index_response = common.object_with(
    'pci_migration_plan',
    common.all_of(
        {
            'host': common.described(_TEXT_OR_NULL, 'Host of the server.'),
            'reason': common.described(
                _TEXT_OR_NULL, 'Reason against a live migration, if any.'
            ),
            'devices': {
                'description': 'The devices of the server.',
                'type': 'array',
                'items': common.all_of(
                    {
                        'address': common.described(
                            _TEXT, 'PCI address on the host of the server.'
                        ),
                        'dev_id': common.described(_TEXT, 'Id of the device.'),
                        'pci_flavor': common.described(
                            _TEXT_OR_NULL,
                            'PCI flavor that it was requested by, if any.',
                        ),
                        'live_migration': common.described(
                            {
                                'type': ['string', 'null'],
                                'enum': [*pci_flavor.LiveMigration.ALL, None],
                            },
                            'Policy of the device; null if Nova decides.',
                        ),
                    }
                ),
            },
            'failover_ports': {
                'description': (
                    'Ports that the guest keeps while devices are detached.'
                ),
                'type': 'array',
                'items': common.all_of(
                    {
                        'port_id': common.described(_TEXT, 'Id of the port.'),
                        'mac_address': common.described(
                            _TEXT, 'MAC address of the port.'
                        ),
                        'vnic_type': common.described(
                            _TEXT, 'Type of the port, as in Neutron.'
                        ),
                        'replaces': common.described(
                            _TEXT_OR_NULL,
                            'The port with a device that it replaces, if any.',
                        ),
                    }
                ),
            },
            'hosts': common.described(
                evaluations.HOSTS,
                'The other hosts of the cell, with the devices there.',
            ),
        }
    ),
    'The plan.',
)
