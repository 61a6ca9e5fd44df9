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

"""Checks of the policies of pci_ext by the policy engine of Horizon.

Horizon reads the rules from the files in conf/, see local_settings.d.
"""

from django.http import HttpRequest
from openstack_dashboard import policy

#: The key of the policy files of pci_ext in the settings of Horizon.
SCOPE = 'pci_ext'

Rules = tuple[tuple[str, str], ...]


def rules(*names: str) -> Rules:
    """Return policies in the form of ``policy_rules`` in Horizon."""
    return tuple((SCOPE, name) for name in names)


def allows(
    request: HttpRequest, name: str, project_id: str | None = None
) -> bool:
    """Tell whether the user of a request passes a policy.

    :param project_id: owner of the resource; if None the project of the user
    """
    allowed: bool = policy.check(
        rules(name), request, {'project_id': project_id}
    )
    return allowed
