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
import contextlib
import io
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import vm_states
from nova.pci import request as pci_request
from oslo_serialization import jsonutils
from oslo_utils.fixture import uuidsentinel

from pci_ext import server_state
from pci_ext.cmd import removal
from pci_ext.tests.component import flavors
from pci_ext.tests.component.api import base
from pci_ext.tests.component.cmd import configured_aliases

ALIAS = 'pci_passthrough:alias'
PCI_FLAVOR = 'pci_passthrough:pci_flavor'

GPU = {
    'name': 'gpu',
    'vendor_id': '10DE',
    'product_id': '20b0',
    'device_type': 'type-PCI',
}
SECOND_GPU = GPU | {'product_id': '20b5'}
CRYPTO = GPU | {'name': 'crypto', 'vendor_id': '8086', 'product_id': '4940'}
WHOLE_NIC = GPU | {
    'name': 'nic',
    'vendor_id': '8086',
    'product_id': '1572',
    'device_type': 'type-PF',
}

GPU_IDS = {'vendor_id': '10de', 'product_id': '20b0'}
SECOND_IDS = {'vendor_id': '10de', 'product_id': '20b5'}
CRYPTO_IDS = {'vendor_id': '8086', 'product_id': '4940'}


def request(*names: str, count: int = 1, **values: Any) -> dict[str, Any]:
    """Return a request by PCI flavor as it is recorded."""
    return {
        'count': count,
        'spec': [
            {
                'product_id': '.*',
                'pci_flavor': name,
                'pci_flavor_uuid': uuidsentinel.flavor,
            }
            for name in names
        ],
        'alias_name': ','.join(names),
        'request_id': uuidsentinel.request,
        **values,
    }


class RemovalTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.node = self.create_host('cell2', 'host1')
        self.configure(GPU, SECOND_GPU, CRYPTO, WHOLE_NIC)

    def configure(self, *entries: dict[str, str]) -> None:
        self.useFixture(configured_aliases.Aliases(*entries))

    def server(
        self, name: str, *requests: dict[str, Any], **values: Any
    ) -> str:
        """Create a server in the second cell, with requests.

        :param values: fields of the server, and ``devices``: the ids of the
            devices of each request
        """
        devices = values.pop('devices', [[GPU_IDS]] * len(requests))
        extra_specs = values.pop(
            'extra_specs', {PCI_FLAVOR: '1:gpu', server_state.RESOLVED: '[]'}
        )
        uuid = self.create_server('cell2', name, self.node, extra_specs)
        with self.loaded(uuid) as instance:
            instance.pci_requests = objects.InstancePCIRequests(
                instance_uuid=uuid,
                requests=[
                    objects.InstancePCIRequest(**each) for each in requests
                ],
            )
            for field, value in values.items():
                setattr(instance, field, value)
            instance.save()
        for each, of_request in zip(requests, devices, strict=True):
            for ids in of_request:
                self.devices = getattr(self, 'devices', 0) + 1
                self.create_device(
                    'cell2',
                    self.node,
                    f'0000:{self.devices:02x}:00.0',
                    uuid,
                    request_id=each['request_id'],
                    **ids,
                )
        objects.RequestSpec(
            self.context,
            instance_uuid=uuid,
            flavor=instance.flavor,
            pci_requests=instance.pci_requests,
        ).create()
        return uuid

    @contextlib.contextmanager
    def loaded(self, uuid: str):
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell2']
        ) as cell_context:
            yield objects.Instance.get_by_uuid(
                cell_context,
                uuid,
                expected_attrs=['flavor', 'pci_requests', 'system_metadata'],
            )

    def prepare(self, **arguments: bool) -> tuple[int, list[str]]:
        """Run the command, and return its exit code and lines of output."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = removal.prepare(**arguments)
        return code, output.getvalue().splitlines()

    def state(self, uuid: str) -> tuple[Any, ...]:
        with self.loaded(uuid) as instance:
            spec = objects.RequestSpec.get_by_instance_uuid(self.context, uuid)
            self.assertEqual(
                instance.pci_requests.to_json(), spec.pci_requests.to_json()
            )
            self.assertEqual(
                instance.flavor.extra_specs, spec.flavor.extra_specs
            )
            return (
                jsonutils.loads(instance.pci_requests.to_json()),
                instance.flavor.extra_specs,
                dict(instance.system_metadata),
            )

    def assertPrepared(self, uuid: str, value: str) -> list[dict[str, Any]]:
        """Check that a server is changed, and return its requests.

        :param value: of the alias in its flavor; empty if it has none
        """
        code, lines = self.prepare()
        self.assertEqual('pci_ext can be removed.', lines[-1], lines)
        self.assertEqual(0, code)
        self.assertEqual((0, lines[-1:]), self.prepare())
        requests, extra_specs, metadata = self.state(uuid)
        self.assertEqual({ALIAS: value} if value else {}, extra_specs)
        self.assertEqual([], [key for key in metadata if 'pci_ext' in key])
        with self.loaded(uuid) as instance:
            again = pci_request.get_pci_requests_from_flavor(instance.flavor)
            self.assertEqual(
                sum(each['count'] for each in requests if each['alias_name']),
                sum(each.count for each in again.requests),
            )
        return requests

    def assertNotPrepared(self, uuid: str, reason: str) -> list[str]:
        before = self.state(uuid)
        code, lines = self.prepare()
        self.assertEqual(1, code)
        self.assertEqual(f'Server {uuid}: not changed: {reason}.', lines[0])
        self.assertEqual(before, self.state(uuid))
        return lines


class ServersTestCase(RemovalTestCase):
    def test_requests_become_those_of_aliases(self) -> None:
        uuid = self.server(
            'server',
            request('gpu'),
            request(
                'gpu',
                request_id=uuidsentinel.hot,
                requester_id=server_state.HOT_ATTACHED,
            ),
            system_metadata={'pci_ext:done': 'x', 'pci_ext_asked:1:0': 'y'},
        )
        self.assertEqual(
            [
                {
                    'count': 1,
                    'spec': [
                        {
                            'vendor_id': '10DE',
                            'product_id': product_id,
                            'dev_type': 'type-PCI',
                        }
                        for product_id in ('20b0', '20b5')
                    ],
                    'alias_name': 'gpu',
                    'is_new': False,
                    'numa_policy': None,
                    'request_id': request_id,
                    'requester_id': None,
                }
                for request_id in (uuidsentinel.request, uuidsentinel.hot)
            ],
            self.assertPrepared(uuid, 'gpu:2'),
        )

    def test_dry_run_changes_nothing(self) -> None:
        uuid = self.server('server', request('gpu'))
        before = self.state(uuid)
        self.assertEqual(
            (
                0,
                [f'Server {uuid}: {ALIAS}=gpu:1 in its flavor; requests gpu.'],
            ),
            self.prepare(dry_run=True),
        )
        self.assertEqual(before, self.state(uuid))

    def test_devices_decide_about_alternatives(self) -> None:
        uuid = self.server(
            'server', request('gpu', 'qat'), devices=[[CRYPTO_IDS]]
        )
        [changed] = self.assertPrepared(uuid, 'crypto:1')
        self.assertEqual('crypto', changed['alias_name'])

    def test_one_request_has_devices_of_two_aliases(self) -> None:
        uuid = self.server(
            'server',
            request('gpu', 'qat', count=3),
            devices=[[GPU_IDS, CRYPTO_IDS, SECOND_IDS]],
        )
        [changed] = self.assertPrepared(uuid, 'gpu:2,crypto:1')
        self.assertEqual(3, len(changed['spec']))
        self.assertEqual(3, changed['count'])

    def test_alias_with_the_name_of_a_pci_flavor_comes_first(self) -> None:
        self.configure(GPU, GPU | {'name': 'other'})
        uuid = self.server('server', request('other'))
        self.assertPrepared(uuid, 'other:1')

    def test_requests_by_alias_remain(self) -> None:
        by_alias = {
            'count': 1,
            'spec': [CRYPTO_IDS],
            'alias_name': 'crypto',
            'request_id': uuidsentinel.alias,
        }
        uuid = self.server(
            'server',
            by_alias,
            request('gpu'),
            devices=[[CRYPTO_IDS], [GPU_IDS]],
        )
        changed, _ = self.assertPrepared(uuid, 'crypto:1,gpu:1')
        self.assertEqual([CRYPTO_IDS], changed['spec'])

    def test_detached_devices_are_not_in_the_flavor(self) -> None:
        uuid = self.server('server')
        self.assertEqual([], self.assertPrepared(uuid, ''))

    def test_shelved_server_has_the_alias_of_its_pci_flavor(self) -> None:
        uuid = self.server('server', request('qat', 'gpu'), devices=[[]])
        self.assertPrepared(uuid, 'gpu:1')

    def test_requests_of_ports_become_those_of_nova(self) -> None:
        uuid = self.server(
            'server',
            {
                'count': 1,
                'spec': [
                    {
                        'product_id': '1.*',
                        'dev_type': 'type-VF',
                        'e.physical_network': r'net\.1',
                        'e.trusted': 'true',
                        'pci_flavor': name,
                    }
                    for name in ('a', 'b')
                ],
                'alias_name': None,
                'request_id': uuidsentinel.port_request,
                'requester_id': uuidsentinel.port,
            },
            devices=[[CRYPTO_IDS]],
            extra_specs={},
        )
        [changed] = self.assertPrepared(uuid, '')
        self.assertEqual(
            [
                {
                    'physical_network': 'net.1',
                    'remote_managed': 'False',
                    'trusted': 'true',
                }
            ],
            changed['spec'],
        )
        self.assertEqual(uuidsentinel.port, changed['requester_id'])

    def test_missing_aliases_are_described(self) -> None:
        uuid = self.server(
            'server',
            request('nic', 'gpu'),
            devices=[[{'vendor_id': '8086', 'product_id': '1572'}]],
        )
        lines = self.assertNotPrepared(uuid, 'no alias has its PCI devices')
        self.assertEqual(
            [
                '',
                'Add to the section [pci] of the configuration:',
                '  alias = {"name": "nic-gpu", "vendor_id": "8086", '
                '"product_id": "1572", "device_type": "type-PCI"}',
            ],
            lines[1:],
        )

    def test_missing_alias_of_a_shelved_server_is_described(self) -> None:
        uuid = self.server('server', request('qat'), devices=[[]])
        lines = self.assertNotPrepared(uuid, 'no alias has its PCI devices')
        self.assertEqual(
            '  an alias named qat, for devices with product_id=.*', lines[-1]
        )

    def test_alias_without_type_has_no_whole_card(self) -> None:
        nic = {'vendor_id': '8086', 'product_id': '1572'}
        self.configure({'name': 'card', **nic})
        uuid = self.server(
            'server', request('x'), devices=[[nic | {'dev_type': 'type-PF'}]]
        )
        self.assertNotPrepared(uuid, 'no alias has its PCI devices')
        self.configure(WHOLE_NIC)
        self.assertPrepared(uuid, 'nic:1')

    def test_operations_leave_a_server_unchanged(self) -> None:
        for number, (reason, values) in enumerate(
            {
                'its task state is attaching_pci': {
                    'task_state': 'attaching_pci'
                },
                'its resize or migration is to be confirmed or reverted': {
                    'vm_state': vm_states.RESIZED
                },
                'an attach or detach is under way': {
                    'system_metadata': {server_state.OPERATION: 'req-1'}
                },
                'its guest has not released 0000:01:00.0: stop and start the '
                'server': {
                    'system_metadata': {'pci_ext:detach:0000:01:00.0': 'a b c'}
                },
                'devices are to be reattached after a live migration: stop '
                'and start the server': {
                    'system_metadata': {'pci_ext:reattach:x': 'y'}
                },
            }.items()
        ):
            uuid = self.server(f'server{number}', request('gpu'), **values)
            self.assertNotPrepared(uuid, reason)
            with self.loaded(uuid) as instance:
                instance.destroy()

    def test_incomplete_attach_leaves_a_server_unchanged(self) -> None:
        uuid = self.server(
            'server', request('gpu', requester_id='pci_ext:attaching:req-1')
        )
        self.assertNotPrepared(uuid, 'an attach is not completed')

    def test_operation_that_begins_meanwhile_wins(self) -> None:
        uuid = self.server('server', request('gpu'))
        save = objects.RequestSpec.save

        def begin(spec: objects.RequestSpec) -> None:
            save(spec)
            with self.loaded(uuid) as instance:
                instance.task_state = 'resize_prep'
                instance.save()

        self.stub_out('nova.objects.RequestSpec.save', begin)
        code, lines = self.prepare()
        self.assertEqual(
            (1, [f'Server {uuid}: not changed: an operation has begun.']),
            (code, lines),
        )
        with self.loaded(uuid) as instance:
            self.assertEqual('1:gpu', instance.flavor.extra_specs[PCI_FLAVOR])

    def test_servers_that_are_being_built_are_not_changed(self) -> None:
        for name, extra_specs in (
            ('server', {PCI_FLAVOR: '1:gpu'}),
            ('plain', {ALIAS: 'gpu:1'}),
        ):
            uuid = getattr(uuidsentinel, name)
            objects.BuildRequest(
                self.context,
                instance_uuid=uuid,
                project_id=self.context.project_id,
                instance=objects.Instance(
                    self.context,
                    uuid=uuid,
                    flavor=flavors.make_flavor(
                        self.context, name, extra_specs=extra_specs
                    ),
                ),
            ).create()
        self.assertEqual(
            (
                1,
                [
                    f'Server {uuidsentinel.server}: not changed: it is being '
                    'built.'
                ],
            ),
            self.prepare(),
        )

    def test_other_servers_are_left(self) -> None:
        self.server('plain', extra_specs={ALIAS: 'gpu:1'})
        self.assertEqual((0, ['pci_ext can be removed.']), self.prepare())


class FlavorsTestCase(RemovalTestCase):
    def create_flavor(self, name: str, **extra_specs: str) -> None:
        flavors.create_private(self.context, name, **extra_specs)

    def extra_specs(self, name: str) -> dict[str, str]:
        flavor = objects.Flavor.get_by_name(self.context, name)
        return dict(flavor.extra_specs)

    def test_pci_flavors_become_aliases(self) -> None:
        self.create_flavor('a', pci_flavor='2:gpu;crypto;1:gpu')
        self.create_flavor('b', pci_flavor='gpu', alias='nic:1')
        self.create_flavor('c', alias='nic:1')
        expected = [
            f'Flavor a: {ALIAS}=gpu:3,crypto:1.',
            f'Flavor b: {ALIAS}=nic:1,gpu:1.',
        ]
        self.assertEqual((0, expected), self.prepare(dry_run=True))
        self.assertNotIn(ALIAS, self.extra_specs('a'))
        self.assertEqual(
            (0, [*expected, 'pci_ext can be removed.']), self.prepare()
        )
        self.assertEqual({ALIAS: 'gpu:3,crypto:1'}, self.extra_specs('a'))
        self.assertEqual({ALIAS: 'nic:1,gpu:1'}, self.extra_specs('b'))
        self.assertEqual((0, ['pci_ext can be removed.']), self.prepare())

    def test_other_requests_are_left_to_the_operator(self) -> None:
        self.create_flavor('a', pci_flavor='1:gpu,crypto')
        self.create_flavor('b', pci_flavor='1:none')
        self.create_flavor('c', pci_name='10GE')
        self.create_flavor('d', pci_flavor='0:gpu')
        code, lines = self.prepare()
        self.assertEqual(1, code)
        self.assertEqual(
            [
                'Flavor a: not changed: gpu,crypto are alternatives.',
                'Flavor b: not changed: no alias is named none.',
                'Flavor c: not changed: devices have no names in aliases.',
            ],
            lines[:3],
        )
        self.assertIn('Flavor d: not changed: ', lines[3])
        self.assertEqual({PCI_FLAVOR: '1:gpu,crypto'}, self.extra_specs('a'))
