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

"""Keystone's projects, users and catalog, and their clouds.yaml."""

import os
from typing import Any

import openstack
import yaml

from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory

#: By type of service: its account, its listener and the path of its URL.
SERVICES = {
    'image': ('glance', 'glance-api', ''),
    'placement': ('placement', 'placement', ''),
    'network': ('neutron', 'neutron', ''),
    'compute': ('nova', 'nova-api', '/v2.1'),
}

#: By cloud of clouds.yaml: the user, its project and its role.
CLOUDS = {
    'pci-ext': ('admin', 'admin', 'admin'),
    # Not administrators, in a separate project.
    'pci-ext-member': ('member', 'demo', 'member'),
    'pci-ext-reader': ('reader', 'demo', 'reader'),
    'pci-ext-other': ('other', 'other', 'member'),
    # In the project of the administrator.
    'pci-ext-admin-member': ('member', 'admin', 'member'),
    'pci-ext-admin-reader': ('reader', 'admin', 'reader'),
}


def prepare(state: state_directory.State) -> None:
    """Create the keys, and the administrator."""
    config = state.path('etc', 'keystone', 'keystone.conf')
    for names, command in (
        (('keystone', 'fernet'), 'fernet_setup'),
        (('keystone', 'credential'), 'credential_setup'),
    ):
        folder = state.path(*names)
        if os.path.isdir(folder) and os.listdir(folder):
            continue
        os.makedirs(folder, mode=0o700, exist_ok=True)
        owner = ('--keystone-user', 'root', '--keystone-group', 'root')
        manage = programs.python('keystone-manage')
        programs.run(manage, '--config-file', config, command, *owner)
    url = state.url('keystone') + '/v3/'
    services.run_once(
        state,
        *(programs.python('keystone-manage'), '--config-file', config),
        *('bootstrap', '--bootstrap-username', 'admin'),
        *('--bootstrap-password', state.passwords['admin']),
        *('--bootstrap-region-id', 'RegionOne'),
        *('--bootstrap-internal-url', url, '--bootstrap-public-url', url),
    )


def write_clouds(state: state_directory.State) -> str:
    """Write clouds.yaml, and return its path."""
    clouds = {
        name: {
            'auth': {
                'auth_url': state.url('keystone') + '/v3',
                'username': user,
                'password': state.passwords[user],
                'project_name': project,
                'user_domain_name': 'Default',
                'project_domain_name': 'Default',
            },
            'region_name': 'RegionOne',
            'identity_api_version': '3',
            'compute_api_version': '2.96',
        }
        for name, (user, project, _) in CLOUDS.items()
    }
    return state.write('clouds.yaml', yaml.safe_dump({'clouds': clouds}))


def connect(state: state_directory.State, cloud: str = 'pci-ext') -> Any:
    """Return a connection of openstacksdk for a cloud of clouds.yaml."""
    config = openstack.config.OpenStackConfig(
        config_files=[state.path('clouds.yaml')], load_envvars=False
    )
    return openstack.connection.Connection(config=config.get_one(cloud))


def create_accounts(state: state_directory.State) -> None:
    """Create the users, projects and endpoints that do not exist."""
    identity = connect(state).identity
    roles = {role.name: role for role in identity.roles()}
    users = {user.name: user for user in identity.users()}
    projects = {project.name: project for project in identity.projects()}
    grants = [entry for entry in CLOUDS.values() if entry[0] != 'admin']
    for account, _, _ in SERVICES.values():
        grants += [(account, 'service', role) for role in ('admin', 'service')]
    for name, project, role in grants:
        if project not in projects:
            projects[project] = identity.create_project(
                name=project, domain_id='default'
            )
        if name not in users:
            users[name] = identity.create_user(
                name=name,
                password=state.passwords[name],
                domain_id='default',
            )
        identity.assign_project_role_to_user(
            projects[project], users[name], roles[role]
        )
    known = {service.name for service in identity.services()}
    for kind, (account, listener, path) in SERVICES.items():
        if account in known:
            continue
        service = identity.create_service(name=account, type=kind)
        for interface in ('public', 'internal'):
            identity.create_endpoint(
                service_id=service.id,
                interface=interface,
                url=state.url(listener) + path,
                region_id='RegionOne',
            )
