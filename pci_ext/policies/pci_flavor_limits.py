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

"""Policies of the limits of PCI flavors."""

from oslo_policy import policy

from pci_ext.policies import base

POLICY_ROOT = 'os_compute_api:os-pci-flavor-limits:%s'

INDEX = POLICY_ROOT % 'index'
UPDATE = POLICY_ROOT % 'update'
PROJECT = POLICY_ROOT % 'project'

_RULES = [
    policy.DocumentedRuleDefault(
        name=INDEX,
        check_str=base.ADMIN,
        description='Show the limits of a PCI flavor',
        operations=[
            {'method': 'GET', 'path': '/os-pci-flavors/{pci_flavor}/limits'}
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=UPDATE,
        check_str=base.ADMIN,
        description='Set the limits of a PCI flavor',
        operations=[
            {'method': 'PUT', 'path': '/os-pci-flavors/{pci_flavor}/limits'}
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=PROJECT,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description='List the limits and the usage of a project',
        operations=[{'method': 'GET', 'path': '/os-pci-limits'}],
        scope_types=['project'],
    ),
]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    return _RULES
