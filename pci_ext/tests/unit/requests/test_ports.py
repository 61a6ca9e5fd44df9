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
from unittest import mock

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import test
from nova.network import neutron
from nova.tests import fixtures as nova_fixtures
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
        pci_flavor.PciFlavor(uuid=getattr(uuids, name), name=name, specs=specs)
        for name, specs in SPECS.items()
        if name in names
    ]


class PortsTest(base.BaseTestCase):
    """The PCI request of one port."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.profile: dict[str, Any] = {}
        self.api = neutron.API()
        # In place of a call to Neutron, which does not run in this test.
        self.api._read_port = lambda context, port_id: {
            'binding:profile': self.profile
        }

    def spec(
        self, requested: str = '', is_sriov: bool = True, **spec: Any
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
            ports.passing_port_flavors(
                {uuids.port: requested} if requested else {}
            ),
        ):
            self.api._apply_pci_flavors(
                None, network, request if is_sriov else None
            )
        # Nova recognizes requests of ports by these fields.
        self.assertEqual(request.NEUTRON_PORT, request.source)
        self.assertEqual(uuids.request, request.request_id)
        return list(request.spec)

    def assertRefused(self, expected: str, *args: Any, **kwargs: Any) -> None:
        error = self.assertRaises(
            from_flavor.InvalidPciRequest, self.spec, *args, **kwargs
        )
        self.assertIn(expected, error.format_message())

    def test_remote_managed_port(self) -> None:
        self.assertRefused('remote-managed', 'IntelVF', remote_managed='True')

    def test_ports_without_a_pci_flavor_are_not_changed(self) -> None:
        self.assertEqual(
            [{'physical_network': 'net', 'remote_managed': 'False'}],
            self.spec(),
        )

    def test_alternatives_in_order_with_the_needs_of_the_port(self) -> None:
        self.assertEqual(
            [
                {
                    'pci_flavor': 'IntelVF',
                    'pci_flavor_uuid': uuids.IntelVF,
                    'vendor_id': '8086',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'a\\.b',
                },
                {
                    'pci_flavor': 'AnyVF',
                    'pci_flavor_uuid': uuids.AnyVF,
                    'dev_type': 'type-VF',
                    'e.physical_network': 'a\\.b',
                },
            ],
            self.spec('IntelVF,AnyVF', physical_network='a.b'),
        )

    def test_reads_the_pci_flavor_in_the_binding_profile(self) -> None:
        self.profile = {'pci_flavor': 'IntelVF'}
        self.assertEqual('IntelVF', self.spec()[0]['pci_flavor'])
        # The PCI flavor in the body has precedence over the binding profile.
        self.assertEqual('AnyVF', self.spec('AnyVF')[0]['pci_flavor'])

    def test_trusted_physical_function_without_physical_network(self) -> None:
        [spec] = self.spec(
            'PF', physical_network=None, dev_type='type-PF', trusted='True'
        )
        self.assertEqual(
            {
                'pci_flavor': 'PF',
                'pci_flavor_uuid': uuids.PF,
                'dev_type': 'type-PF',
                'e.trusted': 'true',
            },
            spec,
        )

    def test_refuses_a_pci_flavor_that_contradicts_the_port(self) -> None:
        self.assertRefused('dev_type type-PF', 'PF')
        self.assertRefused('e.physical_network lab.*', 'Lab')
        self.spec('Lab', physical_network='lab7')

    def test_refuses_more_than_one_device_for_a_port(self) -> None:
        self.assertRefused('has one device', '2:IntelVF')
        self.assertRefused('has one device', 'IntelVF;AnyVF')

    def test_refuses_an_unknown_pci_flavor(self) -> None:
        self.assertRefused('none could not be found', 'none')

    def test_refuses_a_pci_flavor_for_a_port_of_another_type(self) -> None:
        self.spec(is_sriov=False)
        self.assertRefused('not one for SR-IOV', 'IntelVF', is_sriov=False)

    def spec_when_attached(self) -> list[dict[str, Any]]:
        """Return the spec of the port in an attach to a server."""
        instance = objects.Instance(
            pci_requests=objects.InstancePCIRequests(requests=[])
        )
        with from_flavor.resolving(source):
            made = self.api.make_port_request(None, uuids.port)
        if made is not None:
            port_attach.add_port_spec(instance, uuids.port, made.spec)
        # nova-api sends only the instance to nova-compute.
        received = objects.Instance.obj_from_primitive(
            instance.obj_to_primitive()
        )
        with port_attach.passing_port_specs(
            port_attach.read_port_specs(received)
        ):
            return self.spec_in_nova_compute()

    def spec_in_nova_compute(self) -> list[dict[str, Any]]:
        request = objects.InstancePCIRequest(
            spec=[{'physical_network': 'net'}], request_id=uuids.request
        )
        self.api._apply_pci_flavors(
            None, objects.NetworkRequest(port_id=uuids.port), request
        )
        return list(request.spec)

    def test_attach_uses_the_resolved_pci_flavor(self) -> None:
        self.assertEqual(
            [{'physical_network': 'net'}], self.spec_when_attached()
        )
        self.profile = {'pci_flavor': 'IntelVF,AnyVF'}
        self.assertEqual(
            [
                {
                    'pci_flavor': 'IntelVF',
                    'pci_flavor_uuid': uuids.IntelVF,
                    'vendor_id': '8086',
                    'dev_type': 'type-VF',
                    'e.physical_network': 'net',
                },
                {
                    'pci_flavor': 'AnyVF',
                    'pci_flavor_uuid': uuids.AnyVF,
                    'dev_type': 'type-VF',
                    'e.physical_network': 'net',
                },
            ],
            self.spec_when_attached(),
        )

    def test_attach_refuses_a_pci_flavor_that_contradicts_the_port(
        self,
    ) -> None:
        self.profile = {'pci_flavor': 'PF'}
        error = self.assertRaises(
            nova_exception.InterfaceAttachPciClaimFailed,
            self.spec_when_attached,
        )
        self.assertIn('dev_type type-PF', error.format_message())

    def test_nova_compute_does_not_resolve_pci_flavors(self) -> None:
        self.profile = {'pci_flavor': 'IntelVF'}
        error = self.assertRaises(
            nova_exception.InterfaceAttachPciClaimFailed,
            self.spec_in_nova_compute,
        )
        self.assertIn('nova-api resolved none', error.format_message())


class BootTest(test.NoDBTestCase):
    """A server is created with an SR-IOV port of Neutron."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        fake = self.useFixture(nova_fixtures.NeutronFixture(self))
        fake._networks[fake.network_2['id']] = fake.network_2
        self.neutron = fake

    def test_makes_the_request_of_an_attached_port(self) -> None:
        self.neutron._ports.update(
            {
                port['id']: port
                for port in (self.neutron.sriov_port, self.neutron.port_2)
            }
        )
        context = nova_context.RequestContext('user', 'project')
        made = neutron.API().make_port_request(
            context, self.neutron.sriov_port['id']
        )
        assert made is not None
        self.assertEqual(
            {'physical_network': 'physnet2', 'remote_managed': 'False'},
            made.spec[0],
        )
        self.assertIsNone(
            neutron.API().make_port_request(context, self.neutron.port_2['id'])
        )

    def test_reads_the_port_once(self) -> None:
        fake = self.neutron
        port_id = fake.sriov_port['id']
        fake._ports[port_id] = {
            **fake.sriov_port,
            'binding:profile': {'pci_flavor': 'IntelVF'},
        }
        requests = objects.InstancePCIRequests(requests=[])
        with (
            mock.patch.object(
                fake, 'show_port', autospec=True, wraps=fake.show_port
            ) as show_port,
            from_flavor.resolving(source),
        ):
            neutron.API().create_resource_requests(
                nova_context.RequestContext('user', 'project'),
                objects.NetworkRequestList(
                    objects=[objects.NetworkRequest(port_id=port_id)]
                ),
                requests,
            )
        [request] = requests.requests
        self.assertEqual('IntelVF', request.spec[0]['pci_flavor'])
        show_port.assert_called_once()
