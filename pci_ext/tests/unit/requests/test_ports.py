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

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.network import neutron
from oslo_utils.fixture import uuidsentinel as uuids
from oslotest import base

from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor
from pci_ext.requests import port_attach
from pci_ext.requests import ports
from pci_ext.tests import fixtures

SPECS = {
    'IntelVF': {'vendor_id': '8086'},
    'AnyVF': {'dev_type': 'type-.F', 'e.physical_network': '*'},
    'PF': {'dev_type': 'type-PF'},
    'Lab': {'e.physical_network': 'lab.*'},
}


def source(names: Collection[str]) -> list[pci_flavor.PciFlavor]:
    return [
        pci_flavor.PciFlavor(name=name, specs=specs)
        for name, specs in SPECS.items()
        if name in names
    ]


class PortsTest(base.BaseTestCase):
    """The requests of one port, as Nova made them before."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.profile: dict[str, Any] = {}
        self.api = neutron.API()
        # Neutron does not run in this test.
        self.api._flavors_of_profile = lambda context, port_id: (
            self.profile.get('pci_flavor', '')
        )

    def spec(
        self, asked: str = '', is_sriov: bool = True, **spec: Any
    ) -> list[dict[str, Any]]:
        """Return the spec of the port's request."""
        network = objects.NetworkRequest(port_id=uuids.port)
        request = objects.InstancePCIRequest(
            count=1,
            spec=[{'physical_network': 'net', 'remote_managed': 'False'}],
            request_id=uuids.request,
            requester_id=uuids.port,
        )
        request.spec = [{**request.spec[0], **spec}]
        with (
            from_flavor.resolving(source),
            ports.passing_port_flavors({uuids.port: asked} if asked else {}),
        ):
            self.api._apply_pci_flavors(
                None, network, request if is_sriov else None
            )
        # As Nova has it of ports, by which it knows them.
        self.assertEqual(request.NEUTRON_PORT, request.source)
        self.assertEqual(uuids.request, request.request_id)
        return list(request.spec)

    def assertRefused(self, expected: str, *args: Any, **kwargs: Any) -> None:
        error = self.assertRaises(
            from_flavor.InvalidPciRequest, self.spec, *args, **kwargs
        )
        self.assertIn(expected, error.format_message())

    def test_other_ports_stay_those_of_nova(self) -> None:
        self.assertEqual(
            [{'physical_network': 'net', 'remote_managed': 'False'}],
            self.spec(),
        )

    def test_alternatives_in_order_with_what_the_port_needs(self) -> None:
        self.assertEqual(
            [
                {
                    'pci_flavor': 'IntelVF',
                    'vendor_id': '8086',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'a\\.b',
                },
                {
                    'pci_flavor': 'AnyVF',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'a\\.b',
                },
            ],
            self.spec('IntelVF,AnyVF', physical_network='a.b'),
        )

    def test_by_the_binding_profile(self) -> None:
        self.profile = {'pci_flavor': 'IntelVF'}
        self.assertEqual('IntelVF', self.spec()[0]['pci_flavor'])
        # The PCI flavor in the body has precedence over the binding profile.
        self.assertEqual('AnyVF', self.spec('AnyVF')[0]['pci_flavor'])

    def test_whole_cards_trust_and_no_physical_network(self) -> None:
        [spec] = self.spec(
            'PF', physical_network=None, dev_type='type-PF', trusted='True'
        )
        self.assertEqual(
            {'pci_flavor': 'PF', 'dev_type': 'type-PF', 'e.trusted': 'true'},
            spec,
        )

    def test_what_does_not_go_with_the_port_is_refused(self) -> None:
        self.assertRefused('dev_type type-PF', 'PF')
        self.assertRefused('e.physical_network lab.*', 'Lab')
        self.spec('Lab', physical_network='lab7')

    def test_one_device_a_port(self) -> None:
        self.assertRefused('has one device', '2:IntelVF')
        self.assertRefused('has one device', 'IntelVF;AnyVF')

    def test_what_does_not_exist_is_refused(self) -> None:
        self.assertRefused('none could not be found', 'none')

    def test_ports_of_other_types_have_no_device(self) -> None:
        self.spec(is_sriov=False)
        self.assertRefused('not one for SR-IOV', 'IntelVF', is_sriov=False)

    def attached(self) -> list[dict[str, Any]]:
        """Return the spec of the port when it is attached to a server."""
        instance = objects.Instance(
            pci_requests=objects.InstancePCIRequests(requests=[])
        )
        with from_flavor.resolving(source):
            resolved = self.api.resolve_port(None, uuids.port)
        if resolved is not None:
            port_attach.add_port_spec(instance, uuids.port, resolved)
        # Nothing but the server gets from nova-api to nova-compute.
        arrived = objects.Instance.obj_from_primitive(
            instance.obj_to_primitive()
        )
        with port_attach.passing_port_specs(
            port_attach.read_port_specs(arrived)
        ):
            return self.made_in_nova_compute()

    def made_in_nova_compute(self) -> list[dict[str, Any]]:
        request = objects.InstancePCIRequest(
            spec=[{'physical_network': 'net'}], request_id=uuids.request
        )
        self.api._apply_pci_flavors(
            None, objects.NetworkRequest(port_id=uuids.port), request
        )
        return list(request.spec)

    def test_attached_to_a_server(self) -> None:
        self.assertEqual([{'physical_network': 'net'}], self.attached())
        self.profile = {'pci_flavor': 'IntelVF,AnyVF'}
        self.assertEqual(
            [
                {
                    'pci_flavor': 'IntelVF',
                    'vendor_id': '8086',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'net',
                },
                {
                    'pci_flavor': 'AnyVF',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'net',
                },
            ],
            self.attached(),
        )

    def test_attached_to_a_server_what_does_not_go_with_it(self) -> None:
        self.profile = {'pci_flavor': 'PF'}
        error = self.assertRaises(
            nova_exception.InterfaceAttachPciClaimFailed, self.attached
        )
        self.assertIn('dev_type type-PF', error.format_message())

    def test_nova_compute_does_not_resolve(self) -> None:
        self.profile = {'pci_flavor': 'IntelVF'}
        error = self.assertRaises(
            nova_exception.InterfaceAttachPciClaimFailed,
            self.made_in_nova_compute,
        )
        self.assertIn('nova-api resolved none', error.format_message())
