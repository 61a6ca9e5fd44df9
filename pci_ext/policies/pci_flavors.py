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

"""Policies of PCI flavors."""

from oslo_policy import policy

from pci_ext.policies import base

POLICY_ROOT = 'os_compute_api:os-pci-flavors:%s'

INDEX = POLICY_ROOT % 'index'
DETAIL = POLICY_ROOT % 'detail'
SHOW = POLICY_ROOT % 'show'
USAGE = POLICY_ROOT % 'usage'
CREATE = POLICY_ROOT % 'create'
UPDATE = POLICY_ROOT % 'update'
DELETE = POLICY_ROOT % 'delete'
EVALUATE = POLICY_ROOT % 'evaluate'

_RULES = [
    policy.DocumentedRuleDefault(
        name=INDEX,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description='List PCI flavors',
        operations=[{'method': 'GET', 'path': '/os-pci-flavors'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=DETAIL,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description='List PCI flavors with details',
        operations=[{'method': 'GET', 'path': '/os-pci-flavors/detail'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=SHOW,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description=(
            'Show a PCI flavor, or the attributes available to PCI flavors'
        ),
        operations=[{'method': 'GET', 'path': '/os-pci-flavors/{pci_flavor}'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=USAGE,
        check_str=base.PROJECT_READER_OR_ADMIN,
        description=(
            'See how many devices of the cloud match a PCI flavor, and how '
            'many of them are free: the response for other users has no key '
            '``usage``'
        ),
        operations=[
            {'method': 'GET', 'path': '/os-pci-flavors/detail'},
            {'method': 'GET', 'path': '/os-pci-flavors/{pci_flavor}'},
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=CREATE,
        check_str=base.ADMIN,
        description='Create a PCI flavor',
        operations=[{'method': 'POST', 'path': '/os-pci-flavors'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=UPDATE,
        check_str=base.ADMIN,
        description='Update a PCI flavor',
        operations=[{'method': 'PUT', 'path': '/os-pci-flavors/{pci_flavor}'}],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=DELETE,
        check_str=base.ADMIN,
        description='Delete a PCI flavor',
        operations=[
            {'method': 'DELETE', 'path': '/os-pci-flavors/{pci_flavor}'}
        ],
        scope_types=['project'],
    ),
    policy.DocumentedRuleDefault(
        name=EVALUATE,
        check_str=base.ADMIN,
        description='Evaluate a request for PCI flavors on all hosts',
        operations=[{'method': 'POST', 'path': '/os-pci-flavors/evaluate'}],
        scope_types=['project'],
    ),
]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    return _RULES
