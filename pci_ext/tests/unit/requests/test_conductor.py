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

from typing import Any

import fixtures as base_fixtures
from nova import exception as nova_exception
from nova import objects
from nova import test
from nova.conductor import manager
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel

from pci_ext import exception
from pci_ext.requests import conductor
from pci_ext.tests import fixtures

FORBID = {'vendor_id': '8086', 'pci_flavor': 'QAT'}
HOTPLUG = FORBID | {'live_migration': 'hotplug'}
ALIAS = {'vendor_id': '8086'}


class FullHost:
    """A nova-compute where another server has claimed the last device."""

    def check_can_live_migrate_destination(self, *args: Any) -> None:
        raise nova_exception.PciDeviceRequestFailed(requests=[])


class NeutronWithoutExtensions:
    """A Neutron without port bindings on several hosts."""

    def has_port_binding_extension(self, context: object) -> bool:
        return False


class LiveMigrationTaskTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())

    def task(
        self, *specs: list[dict[str, str]], port: str | None = None
    ) -> Any:
        instance = objects.Instance(
            uuid=uuidsentinel.server,
            host='source',
            resources=None,
            pci_requests=objects.InstancePCIRequests(
                instance_uuid=uuidsentinel.server,
                requests=[
                    objects.InstancePCIRequest(
                        count=1,
                        spec=spec,
                        # Nova recognizes the request of a port by it.
                        requester_id=port,
                        alias_name=None if port else 'name',
                        request_id=uuidutils.generate_uuid(),
                    )
                    for spec in specs
                ],
            ),
        )

        class Tasks(manager.ComputeTaskManager):  # type: ignore[misc]
            report_client = None

            def __init__(self) -> None:
                self.compute_rpcapi = FullHost()
                self.servicegroup_api = self.query_client = None

        return Tasks()._build_live_migrate_task(
            None, instance, 'destination', None, None, None
        )

    def assertForbidden(self, *specs: list[dict[str, str]]) -> None:
        self.assertRaises(
            nova_exception.MigrationPreCheckError,
            self.task(*specs)._check_can_migrate_pci,
            'source',
            'destination',
        )

    def test_hotplug_passes_the_check(self) -> None:
        task = self.task([HOTPLUG], [FORBID, HOTPLUG])
        task._check_can_migrate_pci('source', 'destination')
        self.assertEqual(2, len(task.instance.pci_requests.requests))

    def test_forbid_fails_the_check(self) -> None:
        self.assertForbidden([HOTPLUG], [FORBID])

    def test_nova_decides_about_ports(self) -> None:
        for policy in (HOTPLUG, FORBID):
            task = self.task([policy], port=uuidsentinel.port)
            task.network_api = NeutronWithoutExtensions()
            error = self.assertRaises(
                nova_exception.MigrationPreCheckError,
                task._check_can_migrate_pci,
                'source',
                'destination',
            )
            self.assertIn('port binding extension', error.format_message())

    def test_nova_decides_about_aliases(self) -> None:
        self.assertForbidden([HOTPLUG], [ALIAS])

    def test_no_free_device_fails_the_precheck(self) -> None:
        error = self.assertRaises(
            nova_exception.MigrationPreCheckError,
            self.task([HOTPLUG])._call_livem_checks_on_host,
            'destination',
            {},
        )
        self.assertIn('destination', error.format_message())


class ShapeTestCase(test.NoDBTestCase):
    def test_refuses_a_changed_task(self) -> None:
        self.useFixture(
            base_fixtures.MonkeyPatch(
                'nova.conductor.tasks.live_migrate.LiveMigrationTask.'
                '_check_can_migrate_pci',
                None,
            )
        )
        error = self.assertRaises(exception.SeamChanged, conductor.SEAM.check)
        self.assertIn('_check_can_migrate_pci', error.format_message())
