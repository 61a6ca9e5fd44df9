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

"""Stacks of Heat's engine, with the plugin as Heat loads it."""

import pathlib
from typing import Any

from heat.engine import resources
from heat.engine import stack
from heat.engine import template
from heat.engine.clients.os import keystone
from heat.tests import common
from heat.tests import utils
import openstack
from openstack import connection
from oslo_config import cfg

from pci_ext import sdk
from pci_ext.tests import fake_compute
import pci_ext_heat
from pci_ext_heat import clients

Resources = dict[str, Any]


class Answers(dict[str, Any]):
    """Answers by request; of a list, each is given once, the last for ever."""

    def get(self, request: str, default: Any = None) -> Any:
        answer = super().get(request, default)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer


def project_id(name_or_id: str) -> str:
    """Return the id of a project, as keystone does."""
    return f'id-of-{name_or_id.removeprefix("id-of-")}'


def use_plugin() -> None:
    """Let Heat's engine load the folder of the resources at its start."""
    folder = pathlib.Path(pci_ext_heat.__file__).parent / 'resources'
    cfg.CONF.import_opt('plugin_dirs', 'heat.common.config')
    cfg.CONF.set_override('plugin_dirs', [str(folder)])
    # The tests of Heat start it if it has none.
    resources._environment = None


class StackTestCase(common.HeatTestCase):
    """Has a context whose client is a connection to a compute service."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        use_plugin()

    def setUp(self) -> None:
        super().setUp()
        self.context = utils.dummy_context()
        # Heat creates a resource that failed again, after a pause.
        cfg.CONF.set_override('action_retry_limit', 0)
        self.addCleanup(cfg.CONF.clear_override, 'action_retry_limit')
        # Services that the tests have not.
        self.stub_ServerConstraint_validate()
        self.stub_KeystoneProjectConstraint()
        self.patchobject(
            keystone.KeystoneClientPlugin,
            'get_project_id',
            side_effect=project_id,
        )

    def use_fake_api(self) -> fake_compute.ComputeApi:
        """Let the client be a connection to a fake compute service."""
        api = self.useFixture(fake_compute.ComputeApi())
        api.responses = Answers()
        self.use_connection(
            openstack.connect(
                load_yaml_config=False,
                load_envvars=False,
                auth_type='none',
                compute_endpoint_override=api.endpoint,
            )
        )
        return api

    def use_connection(self, conn: connection.Connection) -> None:
        """Let the client be a connection."""
        self.addCleanup(conn.close)
        sdk.load(conn)
        self.patchobject(clients.PciClientPlugin, '_create', return_value=conn)

    def make_stack(
        self, resources: Resources, name: str = 'trainer', **more: Any
    ) -> stack.Stack:
        """Return a stored stack of a template.

        :param more: more sections of the template
        """
        definition = {
            'heat_template_version': '2021-04-16',
            'resources': resources,
            **more,
        }
        made = stack.Stack(self.context, name, template.Template(definition))
        made.store()
        return made

    def create(self, resources: Resources, **more: Any) -> stack.Stack:
        """Create a stack."""
        made = self.make_stack(resources, **more)
        made.validate()
        made.create()
        return made

    def update(self, made: stack.Stack, resources: Resources) -> None:
        made.update(self.make_stack(resources, name='trainer-new'))

    def assertComplete(self, made: stack.Stack, action: str) -> None:
        self.assertEqual((action, 'COMPLETE'), made.state, made.status_reason)
