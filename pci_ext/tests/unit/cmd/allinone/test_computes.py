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

import pathlib
import tempfile
from typing import Any
from unittest import mock

import fixtures
import nova.conf
from nova.virt import node
from oslotest import base

from pci_ext.cmd.allinone import computes


class ComputesTest(base.BaseTestCase):
    """The identities of several compute nodes in one process."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch('nova.virt.node.LOCAL_NODE_UUID', None)
        )
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        nova.conf.CONF([], project='nova', default_config_files=[])
        self.addCleanup(nova.conf.CONF.reset)
        self.directory = pathlib.Path(directory.name)

    def start(self, host: str) -> str:
        """Return the identity that other threads see while a host starts."""
        seen: list[str] = []

        def create(**kwargs: Any) -> mock.Mock:
            seen.append(node.get_local_node_uuid())
            return mock.Mock()

        with mock.patch('nova.service.Service.create', create):
            computes.start(host, str(self.directory / host))
        (uuid,) = seen
        return uuid

    def test_node_has_an_identity_before_its_service_starts(self) -> None:
        with mock.patch(
            'nova.virt.node.get_local_node_uuid', autospec=True
        ) as created:
            created.side_effect = lambda: node.LOCAL_NODE_UUID
            first = self.start('first')
        self.assertIsNotNone(first)
        path = self.directory / 'first' / 'compute_id'
        self.assertEqual(first, path.read_text(encoding='utf-8'))

    def test_node_keeps_its_identity(self) -> None:
        first, second = self.start('first'), self.start('second')
        self.assertNotEqual(first, second)
        self.assertEqual(first, self.start('first'))
