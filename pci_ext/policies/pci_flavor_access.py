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

"""Policies of the access of projects to PCI flavors."""

from oslo_policy import policy

from pci_ext.policies import base

POLICY_ROOT = 'os_compute_api:os-pci-flavor-access:%s'

INDEX = POLICY_ROOT % 'index'
CREATE = POLICY_ROOT % 'create'
DELETE = POLICY_ROOT % 'delete'

_RULES = [
    policy.DocumentedRuleDefault(
        name=INDEX,
        check_str=base.ADMIN,
        description=(
            'See the projects with access to a private PCI flavor: the '
            'response for other users has no key ``projects``'
        ),
        operations=[
            {'method': 'GET', 'path': '/os-pci-flavors/{pci_flavor}/access'},
            {'method': 'GET', 'path': '/os-pci-flavors/{pci_flavor}'},
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=CREATE,
        check_str=base.ADMIN,
        description='Add access of a project to a private PCI flavor',
        operations=[
            {'method': 'POST', 'path': '/os-pci-flavors/{pci_flavor}/access'}
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=DELETE,
        check_str=base.ADMIN,
        description='Remove access of a project to a private PCI flavor',
        operations=[
            {
                'method': 'DELETE',
                'path': '/os-pci-flavors/{pci_flavor}/access/{project_id}',
            }
        ],
        scope_types=['project'],
    ),
]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    return _RULES
