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

"""Security groups and their rules, which filter nothing here."""

from collections.abc import Mapping
from typing import Any
import uuid

import webob.exc

GROUP: dict[str, Any] = {'name': '', 'description': ''}

RULE: dict[str, Any] = {
    'direction': 'ingress',
    'ethertype': 'IPv4',
    'protocol': None,
    'port_range_min': None,
    'port_range_max': None,
    'remote_ip_prefix': None,
    'remote_group_id': None,
}

_DEFAULT = 'default'

_PROTOCOLS = (None, 'tcp', 'udp', 'icmp')

#: The resources of Neutron, by collection and id.
Kept = Mapping[str, dict[str, Any]]


def default(kept: Kept, project_id: str) -> str:
    """Return the id of the default group of a project; each has one."""
    id = str(uuid.uuid5(uuid.NAMESPACE_OID, project_id))
    projects = {'project_id': project_id, 'tenant_id': project_id}
    group = {**GROUP, 'id': id, 'name': _DEFAULT, **projects}
    kept['security-groups'].setdefault(id, group)
    return id


def with_rules(kept: Kept, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group as it is shown."""
    rules = [
        rule
        for rule in kept['security-group-rules'].values()
        if rule['security_group_id'] == group['id']
    ]
    return {**group, 'security_group_rules': rules}


def check_rule(kept: Kept, rule: Mapping[str, Any]) -> None:
    """Check a new rule.

    :raises webob.exc.HTTPError: if its group does not exist, it has no
        meaning, or the group has it
    """
    if rule['security_group_id'] not in kept['security-groups']:
        raise webob.exc.HTTPNotFound()
    if rule['protocol'] not in _PROTOCOLS:
        raise webob.exc.HTTPBadRequest()
    for other in kept['security-group-rules'].values():
        if all(
            other[key] == rule[key] for key in (*RULE, 'security_group_id')
        ):
            raise webob.exc.HTTPConflict()


def delete_rules(kept: Kept, group: Mapping[str, Any], is_admin: bool) -> None:
    """Delete the rules of a group, which is deleted, and those that name it.

    :param is_admin: whether an administrator deletes it
    :raises webob.exc.HTTPConflict: if the group is in use, or only an
        administrator may delete it
    """
    in_use = any(
        group['id'] in port['security_groups']
        for port in kept['ports'].values()
    )
    if in_use or (group['name'] == _DEFAULT and not is_admin):
        raise webob.exc.HTTPConflict()
    rules = kept['security-group-rules']
    for rule in list(rules.values()):
        if group['id'] in (rule['security_group_id'], rule['remote_group_id']):
            del rules[rule['id']]
