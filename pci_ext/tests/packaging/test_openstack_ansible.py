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

import importlib.util
import pathlib
import sys
from typing import Any
from unittest import mock

from ansible.parsing.yaml import dumper
import fixtures
import jinja2
from oslo_config import cfg
from oslotest import base
import yaml

from pci_ext.tests.packaging import rendered_conf

PLUGIN = pathlib.Path(sys.prefix) / (
    'share/ansible/plugins/action/config_template.py'
)

# The role os_nova is not on PyPI; its template makes these lines for a compute
# host without notifications.
TEMPLATE = """
[DEFAULT]
compute_driver = libvirt.LibvirtDriver
state_path = /var/lib/nova

[oslo_messaging_notifications]
topics =
driver = noop
transport_url = rabbit://nova@127.0.0.1/nova

[filter_scheduler]
enabled_filters = ComputeFilter,PciPassthroughFilter
"""

#: As OpenStack-Ansible and an operator have set them.
VARIABLES = {
    'nova_galera_address': '127.0.0.1',
    'pci_ext_galera_password': 'geheim',
    'pci_ext_git_repo': 'file:///opt/pci_ext',
}


class Dumper(yaml.SafeDumper):
    """A class in place of AnsibleDumper."""


def config_template() -> Any:
    """Return the plugin by which OpenStack-Ansible overrides options.

    That of PyPI was written for an older ansible-core than kolla-ansible
    needs: it takes AnsibleDumper for a class. Overrides of INI files use no
    dumper.
    """
    spec = importlib.util.spec_from_file_location('config_template', PLUGIN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(dumper, 'AnsibleDumper', Dumper):
        spec.loader.exec_module(module)
    return module


class OpenStackAnsibleTestCase(base.BaseTestCase):
    """The files of the guide, with the plugin of OpenStack-Ansible."""

    def variables(self, name: str) -> dict[str, Any]:
        path = rendered_conf.SNIPPETS / 'openstack-ansible' / name
        variables = yaml.safe_load(path.read_text())
        assert isinstance(variables, dict)
        return variables

    def render(self, name: str) -> cfg.ConfigOpts:
        """Override options of the template by a file of group variables."""
        overrides = {
            section: {
                option: (
                    jinja2.Template(value).render(VARIABLES)
                    if isinstance(value, str)
                    else value
                )
                for option, value in options.items()
            }
            for section, options in self.variables(name)[
                'nova_nova_conf_overrides'
            ].items()
        }
        plugin = config_template().ActionModule
        text, _ = plugin.return_config_overrides_ini(
            plugin.__new__(plugin), overrides, TEMPLATE
        )
        folder = self.useFixture(fixtures.TempDir()).path
        return rendered_conf.read(text, pathlib.Path(folder))

    def test_hosts_of_services_are_activated(self) -> None:
        conf = self.render('nova_all.yml')
        notifications = conf.oslo_messaging_notifications
        self.assertEqual(['pci_ext'], notifications.driver)
        self.assertIsNotNone(notifications.transport_url)
        self.assertEqual(
            'mysql+pymysql://pci_ext:geheim@127.0.0.1/pci_ext?charset=utf8mb4',
            conf.pci_ext_database.connection,
        )

    def test_compute_hosts_offer_devices(self) -> None:
        conf = self.render('nova_compute.yml')
        self.assertEqual(['pci_ext'], conf.oslo_messaging_notifications.driver)
        self.assertEqual('pci_ext.LibvirtDriver', conf.compute_driver)
        self.assertEqual('/var/lib/nova', conf.state_path)
        self.assertIsNone(conf.pci_ext_database.connection)
        self.assertEqual(
            [
                '[{"vendor_id": "10de"}, {"e.group": "gpu"}]',
                '[{"vendor_id": "8086", "product_id": "56c0"}, '
                '{"e.group": "gpu"}]',
            ],
            conf.pci_ext.pci_information,
        )

    def test_pci_ext_is_installed(self) -> None:
        [package] = self.variables('nova_all.yml')['nova_user_pip_packages']
        self.assertEqual(
            'git+file:///opt/pci_ext#egg=pci_ext[client,libvirt]',
            jinja2.Template(package).render(VARIABLES),
        )
