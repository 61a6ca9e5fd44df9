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

from django.urls import reverse

from pci_ext_dashboard.test import base

INDEX = reverse('horizon:admin:pci_evaluation:index')


class EvaluationTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in_as('admin')
        self.api.hosts = [
            {
                'host': host,
                'fits': fits,
                'explanation': (
                    'The host fits.' if fits else 'The host does not fit.'
                ),
                'assignment': [],
                'requests': [],
            }
            for host, fits in (('a', False), ('b', True), ('c', False))
        ]

    def test_shows_the_form(self) -> None:
        response = self.client.get(INDEX)
        self.assert_shows(response, 'Request', 'Evaluate')
        self.assert_shows_none(response, 'Explanation')
        self.assertEqual([], self.api.calls)

    def test_groups_hosts_with_the_same_result(self) -> None:
        response = self.client.get(INDEX, {'request': '2:bigGPU'})
        self.assert_shows(
            response,
            *('Fits Explanation Hosts', 'Yes The host fits. b'),
            'No The host does not fit. a, c',
        )
        self.assertContains(response, 'value="2:bigGPU"')
        [call] = self.api.calls
        self.assertEqual({'evaluate': {'request': '2:bigGPU'}}, call.body)
        self.assert_nothing_refused()

    def test_shows_the_error_of_the_api(self) -> None:
        self.api.refusals = {
            ('POST', '/os-pci-flavors/evaluate'): (400, 'No count.')
        }
        response = self.client.get(INDEX, {'request': '0:bigGPU'})
        self.assert_has_messages(
            response, 'Unable to evaluate the request.…No count.'
        )
        self.assert_shows_none(response, 'No host has devices.')

    def test_others_see_no_page(self) -> None:
        for role in ('reader', 'member'):
            self.log_in_as(role)
            self.assertEqual(403, self.client.get(INDEX).status_code)
        self.assertEqual([], self.api.calls)
