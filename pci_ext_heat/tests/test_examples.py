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

"""The templates of the documentation are valid for Heat's engine."""

import pathlib

from heat.common import template_format
from heat.engine import environment
from heat.engine import stack
from heat.engine import template

import pci_ext_heat
from pci_ext_heat import clients
from pci_ext_heat.tests import base

EXAMPLES = (
    pathlib.Path(pci_ext_heat.__file__).parents[1]
    / 'doc/source/admin/examples'
)


class TestExamples(base.StackTestCase):
    def test_templates_are_valid(self) -> None:
        self.patchobject(
            clients.PciFlavorConstraint, 'validate', return_value=True
        )
        parameters = {
            'heat-flavor': {},
            'heat-attachment': {'server': 'trainer', 'pci_flavor': 'bigGPU'},
        }
        for name, values in parameters.items():
            text = (EXAMPLES / f'{name}.yaml').read_text('utf-8')
            parsed = template.Template(
                template_format.parse(text),
                env=environment.Environment({'parameters': values}),
            )
            stack.Stack(self.context, name, parsed).validate()
