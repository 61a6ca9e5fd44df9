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

"""The metrics of projects."""

from pci_ext.tests.unit.exporter import base

_LABELS = ('project_id', 'project', 'pci_flavor')


def _limit(name, limit, used):
    return {'pci_flavor': name, 'limit': limit, 'used': used}


class ProjectsTestCase(base.ExporterTestCase):
    def setUp(self):
        super().setUp()
        self.cloud.projects = [
            {'id': '1', 'name': 'demo'},
            {'id': '2', 'name': 'idle'},
        ]
        self.cloud.limits = {
            '1': [_limit('gpu', 4, 3), _limit('nic', -1, 2)],
            '2': [_limit('gpu', 0, 0), _limit('nic', -1, 0)],
        }

    def test_has_the_use(self):
        self.assertEqual(
            {
                ('1', 'demo', 'gpu'): 3,
                ('1', 'demo', 'nic'): 2,
                ('2', 'idle', 'gpu'): 0,
            },
            self.values('pci_ext_project_devices', *_LABELS),
        )

    def test_has_the_limits(self):
        self.assertEqual(
            {('1', 'demo', 'gpu'): 4, ('2', 'idle', 'gpu'): 0},
            self.values('pci_ext_project_limit', *_LABELS),
        )

    def test_skips_a_project_that_was_deleted_meanwhile(self):
        del self.cloud.limits['1']
        families = self.scrape()
        self.assertEqual(
            {('2', 'idle', 'gpu'): 0},
            base.values_in(families, 'pci_ext_project_limit', *_LABELS),
        )
        up = base.values_in(families, 'pci_ext_up', 'source')
        self.assertEqual(1, up['projects',])

    def test_asks_for_enabled_projects(self):
        self.scrape()
        self.assertIn(('projects', {'enabled': 'true'}), self.cloud.requests)
