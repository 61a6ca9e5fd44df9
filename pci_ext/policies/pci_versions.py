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

"""Policy of the versions of the API."""

from oslo_policy import policy

INDEX = 'os_compute_api:os-pci:index'

_RULES = [
    policy.DocumentedRuleDefault(
        name=INDEX,
        # All users with a token, as for the versions of Nova.
        check_str='@',
        description='List the versions of the PCI API, and describe it',
        operations=[
            {'method': 'GET', 'path': '/os-pci'},
            {'method': 'GET', 'path': '/os-pci/openapi.json'},
        ],
        scope_types=['project'],
    ),
]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    return _RULES
