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

"""Tempest's verdicts on the deployment without pci_ext and with it."""

import collections
from collections.abc import Iterable
import contextlib
import io
import os
import shutil
from typing import Any
import unittest

from pci_ext.tests import verdicts
from pci_ext.tests.deployment import base
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import images
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import removing
from pci_ext.tests.deployment.cloud import report
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.tempest import comparison
from pci_ext.tests.tempest import configuration
from pci_ext.tests.tempest import exclusions
from pci_ext.tests.tempest import run

#: MiB of memory of the flavors.
_FLAVORS = (64, 128)


class TestTempest(unittest.TestCase):
    """The tests of the compute API have the same verdict in both clouds."""

    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.deployed = base.deployed()
        self.state = self.deployed.state
        self.admin: Any = keystone.connect(self.state)
        self.addCleanup(self.set_active, True)
        # Neutron cannot serve two first requests at the same time.
        list(self.admin.network.security_groups())
        self.network_extensions = [
            each.alias for each in self.admin.network.extensions()
        ]
        compute = self.admin.compute
        self.flavors = [
            compute.create_flavor(
                name=f'tempest-{ram}', ram=ram, disk=1, vcpus=number
            )
            for number, ram in enumerate(_FLAVORS, 1)
        ]
        for flavor in self.flavors:
            self.addCleanup(compute.delete_flavor, flavor)

    def set_active(self, active: bool) -> None:
        """Restart Nova with or without pci_ext, unless it runs so."""
        removing.set_enabled(self.state, active)
        self.deployed.start(
            *services.NOVA, *map(computes.service, hypervisors.HOSTS)
        )
        response = self.admin.compute.get('/os-pci-flavors')
        self.assertEqual(200 if active else 404, response.status_code)

    def configure(self, name: str) -> str:
        """Return a new directory with a configuration for tempest."""
        directory = self.state.path('tempest', name)
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        alternative = images.upload(self.state, 'alternative')
        options = {
            'auth': {
                'admin_username': 'admin',
                'admin_password': self.state.passwords['admin'],
                'admin_project_name': 'admin',
            },
            'identity': {
                'uri_v3': self.state.url('keystone') + '/v3',
                'v3_endpoint_type': 'public',
            },
            'network-feature-enabled': {
                'api_extensions': ','.join(self.network_extensions),
                # There is no router.
                'floating_ips': False,
            },
            'compute': {
                'image_ref': images.upload(self.state).id,
                'image_ref_alt': alternative.id,
                'flavor_ref': self.flavors[0].id,
                'flavor_ref_alt': self.flavors[1].id,
                'min_compute_nodes': len(hypervisors.HOSTS),
            },
            'compute-feature-enabled': {
                # The hosts share the disks.
                'block_migration_for_live_migration': False,
                # Neutron binds no port, as it has no agents.
                'interface_attach': False,
            },
        }
        configuration.write(directory, options)
        return directory

    def test_verdicts_are_the_same(self) -> None:
        directories = [self.configure(name) for name in ('without', 'with')]
        tests = run.Run(directories[0]).tests()
        expressions = exclusions.load(exclusions.DEPLOYMENT)
        excluded = exclusions.excluded(expressions, tests)
        selected = [test for test in tests if test not in excluded]
        found = []
        for directory, active in zip(directories, (False, True), strict=True):
            self.set_active(active)
            found.append(self.verdicts(directory, selected))
        compared = comparison.Comparison(*found)
        lines = (*compared.tracebacks(), *compared.table())
        bad = compared.different + compared.failing
        self.assertEqual([], bad, '\n'.join(lines))
        passed = compared.count('success')
        self.assertGreater(passed, 0)
        skipped = collections.Counter(excluded.values()) + compared.skipped()
        report.add(
            self.state,
            "Tempest's tests of the compute API without pci_ext and with it",
            '; '.join(
                (
                    f'{passed} of {len(tests)} tests pass in both',
                    *(f'{count}: {why}' for why, count in skipped.items()),
                )
            ),
        )

    def verdicts(
        self, directory: str, tests: Iterable[str]
    ) -> verdicts.Verdicts:
        """Run tests of tempest, and return their verdicts."""
        started = run.Run(directory)
        started.tests()
        with contextlib.ExitStack() as stack:
            stack.callback(started.stop)
            started.start(tests)
            stream = started.wait()
        return verdicts.read(io.BytesIO(stream))
