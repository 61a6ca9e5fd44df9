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

"""Policies of the PCI devices of servers."""

from oslo_policy import policy

from pci_ext.policies import base

POLICY_ROOT = 'os_compute_api:os-pci-devices:%s'

INDEX = POLICY_ROOT % 'index'
SHOW = POLICY_ROOT % 'show'
SERVER = POLICY_ROOT % 'server'
SERVER_LOCATION = POLICY_ROOT % 'server:location'
ATTACH = POLICY_ROOT % 'attach'
ATTACH_ALIAS = POLICY_ROOT % 'attach:alias'
ATTACH_NAME = POLICY_ROOT % 'attach:name'
DETACH = POLICY_ROOT % 'detach'
REATTACH = POLICY_ROOT % 'reattach'
MIGRATION_PLAN = POLICY_ROOT % 'migration_plan'

_RULES = [
    policy.DocumentedRuleDefault(
        name=INDEX,
        check_str=base.ADMIN,
        description='List the PCI devices of all hosts',
        operations=[{'method': 'GET', 'path': '/os-pci-devices'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=SHOW,
        check_str=base.ADMIN,
        description='Show a PCI device of any host',
        operations=[{'method': 'GET', 'path': '/os-pci-devices/{device}'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=SERVER,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description=(
            'See the PCI devices of a server: the response for other users '
            'has no key ``pci_devices``'
        ),
        operations=[
            {'method': 'GET', 'path': '/servers/{server_id}'},
            {'method': 'GET', 'path': '/servers/detail'},
            {'method': 'GET', 'path': '/servers/{server_id}/os-pci-devices'},
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=SERVER_LOCATION,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description=(
            'See the location of the PCI devices of a server on its host: the '
            'response for other users has no keys ``address`` and '
            '``dev_id``. The action detach_pci needs ``dev_id``'
        ),
        operations=[
            {'method': 'GET', 'path': '/servers/{server_id}'},
            {'method': 'GET', 'path': '/servers/detail'},
            {'method': 'GET', 'path': '/servers/{server_id}/os-pci-devices'},
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=ATTACH,
        check_str=base.PROJECT_MEMBER_OR_ADMIN,
        description=(
            'Attach PCI devices to a server, by PCI flavors that the project '
            'can see'
        ),
        operations=[
            {
                'method': 'POST',
                'path': '/servers/{server_id}/action (attach_pci)',
            }
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=ATTACH_ALIAS,
        check_str=base.ADMIN,
        description=(
            'Attach PCI devices to a server by alias. The rule '
            '``os_compute_api:os-pci-devices:attach`` is checked as well. '
            'The access to PCI flavors does not apply, their quota does'
        ),
        operations=[
            {
                'method': 'POST',
                'path': '/servers/{server_id}/action (attach_pci)',
            }
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=ATTACH_NAME,
        check_str=base.ADMIN,
        description=(
            'Attach PCI devices to a server by name. The rule '
            '``os_compute_api:os-pci-devices:attach`` is checked as well. '
            'The access to PCI flavors does not apply, their quota does'
        ),
        operations=[
            {
                'method': 'POST',
                'path': '/servers/{server_id}/action (attach_pci)',
            }
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=DETACH,
        check_str=base.PROJECT_MEMBER_OR_ADMIN,
        description='Detach PCI devices from a server',
        operations=[
            {
                'method': 'POST',
                'path': '/servers/{server_id}/action (detach_pci)',
            }
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=REATTACH,
        check_str=base.PROJECT_MEMBER_OR_ADMIN,
        description=(
            'Attach the PCI devices of a server that could not be attached '
            'after a live migration'
        ),
        operations=[
            {
                'method': 'POST',
                'path': '/servers/{server_id}/action (reattach_pci)',
            }
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=MIGRATION_PLAN,
        check_str=base.ADMIN,
        description=('Plan the live migration of a server with PCI devices'),
        operations=[
            {
                'method': 'GET',
                'path': '/servers/{server_id}/os-pci-migration-plan',
            }
        ],
        scope_types=['project'],
    ),
]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    return _RULES
