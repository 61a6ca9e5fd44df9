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

from nova import objects
from nova import test
from nova.api.openstack import wsgi

from pci_ext import server_state
from pci_ext.api.views import servers as views

EXTRA_SPECS = {
    'pci_passthrough:pci_flavor': '1:bigGPU',
    'hw:cpu_policy': 'shared',
}


class ViewBuilderTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flavor = objects.Flavor(
            name='pci.small',
            vcpus=1,
            memory_mb=2,
            root_gb=3,
            ephemeral_gb=4,
            swap=5,
            extra_specs=EXTRA_SPECS | {server_state.RESOLVED: '[]'},
        )
        self.request = wsgi.Request.blank('/servers')

    def test_resolved_requests_are_not_shown(self) -> None:
        view = views.ViewBuilder()._get_flavor_dict(
            self.request, self.flavor, show_extra_specs=True
        )
        self.assertEqual(EXTRA_SPECS, view['extra_specs'])
        self.assertEqual('pci.small', view['original_name'])

    def test_view_does_not_change_the_flavor_of_the_server(self) -> None:
        views.ViewBuilder()._get_flavor_dict(
            self.request, self.flavor, show_extra_specs=True
        )
        self.assertEqual(
            EXTRA_SPECS | {server_state.RESOLVED: '[]'},
            self.flavor.extra_specs,
        )

    def test_shows_no_extra_specs_if_nova_shows_none(self) -> None:
        view = views.ViewBuilder()._get_flavor_dict(
            self.request, self.flavor, show_extra_specs=False
        )
        self.assertNotIn('extra_specs', view)
