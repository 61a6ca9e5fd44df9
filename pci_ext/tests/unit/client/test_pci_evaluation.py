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

from pci_ext.tests.unit.client import base


class TestEvaluate(base.ShellTestCase):
    def test_evaluate(self):
        self.api.responses['POST /os-pci-flavors/evaluate'] = (
            200,
            {
                'evaluation': {
                    'request': '1:gpu',
                    'hosts': [
                        {
                            'host': 'host1',
                            'fits': False,
                            'explanation': 'gpu: found 0 of 1.',
                            'assignment': [],
                            'requests': [],
                        }
                    ],
                    'cells_down': ['cell'],
                }
            },
        )
        code, stdout, stderr = self.run_shell(
            'pci', 'evaluate', '1:gpu', '-f', 'csv'
        )
        self.assertEqual(0, code, stderr)
        self.assertEqual(
            '"Host","Fits","Explanation"\n'
            '"host1",False,"gpu: found 0 of 1."\n',
            stdout.replace('\r', ''),
        )
        self.assertIn('the cells cell do not answer', stderr)
        self.assertIn(
            (
                'POST /os-pci-flavors/evaluate',
                {'evaluate': {'request': '1:gpu'}},
            ),
            self.api.requests,
        )
