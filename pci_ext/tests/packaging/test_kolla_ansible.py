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

import os
import pathlib
import re
import shutil
import sys
import tempfile
from typing import Any

from oslo_config import cfg
from oslotest import base as oslotest_base
import yaml

from pci_ext.tests.packaging import base
from pci_ext.tests.packaging import rendered_conf

KOLLA = pathlib.Path(sys.prefix) / 'share/kolla-ansible'
ANSIBLE = KOLLA / 'ansible'

#: The services of each role that this is tried with.
SERVICES = {
    'nova': ['nova-api', 'nova-scheduler'],
    'nova-cell': ['nova-conductor', 'nova-compute'],
}

#: As kolla-ansible sets or an operator has set them, and facts of the host.
VARIABLES = {
    'ansible_facts': {
        'architecture': 'x86_64',
        'hostname': 'localhost',
        'lo': {'device': 'lo', 'ipv4': {'address': '127.0.0.1'}},
        'processor_vcpus': 2,
    },
    'ansible_python_interpreter': sys.executable,
    'api_interface_address': '127.0.0.1',
    'kolla_internal_vip_address': '127.0.0.1',
    'kolla_same_external_internal_vip': True,
    'migration_interface_address': '127.0.0.1',
    'network_interface': 'lo',
    'pci_ext_database_password': 'geheim',
}


def passwords() -> dict[str, Any]:
    text = (KOLLA / 'etc_examples/kolla/passwords.yml').read_text()
    return {
        name: value or 'secret' for name, value in yaml.safe_load(text).items()
    }


def play(role: str, services: list[str]) -> dict[str, Any]:
    """Return a play of the task of a role that writes ``nova.conf``."""
    folder = ANSIBLE / 'roles' / role
    [task] = [
        each
        for each in yaml.safe_load((folder / 'tasks/config.yml').read_text())
        if 'merge_configs' in each and each['name'] == 'Copying over nova.conf'
    ]
    loop = re.sub(
        r'\s*}}$',
        f" | dict2items | selectattr('key', 'in', {services})"
        ' | items2dict }}',
        task['with_dict'],
    )
    return {
        'hosts': 'all',
        'gather_facts': False,
        'vars_files': [str(folder / 'defaults/main.yml')],
        'vars': {'role_path': str(folder)},
        'tasks': [task | {'become': False, 'with_dict': loop}],
    }


class KollaAnsibleTestCase(oslotest_base.BaseTestCase):
    """The files of the guide in the templates of kolla-ansible."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = pathlib.Path(tempfile.mkdtemp(prefix='pci-ext-kolla-'))
        cls.addClassCleanup(shutil.rmtree, folder)
        variables = VARIABLES | {
            'node_config_directory': str(folder / 'rendered'),
            'node_custom_config': str(
                rendered_conf.SNIPPETS / 'kolla-ansible'
            ),
        }
        plays = []
        for role, services in SERVICES.items():
            plays.append(play(role, services))
            for service in services:
                (folder / 'rendered' / service).mkdir(parents=True)
        for name, content in (
            ('play.yml', plays),
            ('variables.yml', variables),
            ('passwords.yml', passwords()),
        ):
            (folder / name).write_text(yaml.safe_dump(content))
        (folder / 'group_vars').symlink_to(ANSIBLE / 'group_vars')
        programs = pathlib.Path(sys.executable).parent
        filters = ANSIBLE / 'roles/nova-cell/filter_plugins'
        base.run(
            *(programs / 'ansible-playbook', 'play.yml'),
            *('--inventory', ANSIBLE / 'inventory/all-in-one'),
            *('--extra-vars', '@passwords.yml'),
            *('--extra-vars', '@variables.yml'),
            cwd=folder,
            env={
                'ANSIBLE_ACTION_PLUGINS': str(ANSIBLE / 'action_plugins'),
                'ANSIBLE_FILTER_PLUGINS': os.pathsep.join(
                    [str(ANSIBLE / 'filter_plugins'), str(filters)]
                ),
                'ANSIBLE_LIBRARY': str(ANSIBLE / 'library'),
                'ANSIBLE_LOCAL_TEMP': str(folder / 'local'),
                'ANSIBLE_REMOTE_TEMP': str(folder / 'remote'),
                'ANSIBLE_MODULE_UTILS': str(ANSIBLE / 'module_utils'),
            },
        )
        cls.folder = folder

    def read(self, service: str) -> cfg.ConfigOpts:
        path = self.folder / 'rendered' / service / 'nova.conf'
        return rendered_conf.read(path.read_text(), self.folder)

    def test_every_service_is_activated(self) -> None:
        for service in (each for some in SERVICES.values() for each in some):
            conf = self.read(service)
            notifications = conf.oslo_messaging_notifications
            self.assertEqual(['pci_ext'], notifications.driver)
            # Of the template.
            self.assertIsNotNone(notifications.transport_url)

    def test_only_nova_api_has_the_database(self) -> None:
        self.assertEqual(
            'mysql+pymysql://pci_ext:geheim@127.0.0.1:3306/pci_ext'
            '?charset=utf8mb4',
            self.read('nova-api').pci_ext_database.connection,
        )
        for service in ('nova-scheduler', 'nova-conductor', 'nova-compute'):
            self.assertIsNone(self.read(service).pci_ext_database.connection)

    def test_nova_compute_offers_devices(self) -> None:
        conf = self.read('nova-compute')
        self.assertEqual('pci_ext.LibvirtDriver', conf.compute_driver)
        self.assertEqual(
            [
                '[{"vendor_id": "8086", "product_id": "56c0"}, '
                '{"e.group": "gpu"}]',
                '[{"vendor_id": "10de"}, {"e.group": "gpu"}]',
            ],
            conf.pci_ext.pci_information,
        )
        self.assertEqual([], self.read('nova-api').pci_ext.pci_information)
