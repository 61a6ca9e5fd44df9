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

"""A graceful shutdown waits for operations, and lets no other begin."""

import functools
import threading
import types
from typing import Any
import unittest

from nova import manager
from nova import test

from pci_ext import exception
from pci_ext.compute import shutdown


@unittest.skipUnless(
    hasattr(manager.Manager, '_record_task_start'), 'Nova 33 records no tasks'
)
class ShutdownTest(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.nova: Any = manager.Manager('host-1', 'compute')
        self.shutdown = shutdown.Shutdown(self.nova)

    def test_nova_knows_of_a_task_until_its_end(self) -> None:
        with self.shutdown.delayed_by('attach_pci', 'server', 'req-1'):
            [task] = self.nova._in_progress_tasks.values()
            self.assertEqual(
                ('attach_pci', 'server', 'req-1'),
                (task['name'], task['instance_uuid'], task['request_id']),
            )
        self.assertEqual({}, self.nova._in_progress_tasks)

    def test_nova_knows_that_a_task_failed(self) -> None:
        def fail() -> None:
            with self.shutdown.delayed_by('attach_pci', 'server'):
                self.nova.set_shutdown_in_progress()
                raise ValueError()

        self.assertRaises(ValueError, fail)
        [task] = self.nova._failed_tasks.values()
        self.assertEqual('attach_pci', task['name'])

    def test_shutdown_of_nova_ends_a_wait(self) -> None:
        self.assertFalse(self.shutdown.wait(0))
        waiting = threading.Thread(
            target=functools.partial(self.shutdown.wait, 600)
        )
        waiting.start()
        self.nova.set_shutdown_in_progress()
        waiting.join(60)
        self.assertFalse(waiting.is_alive())
        self.assertTrue(self.shutdown.has_begun())

    def test_names_a_changed_method_of_nova(self) -> None:
        self.nova._record_task_end = lambda key: None
        error = self.assertRaises(
            exception.SeamChanged, shutdown.Shutdown, self.nova
        )
        self.assertIn('_record_task_end', str(error))


class ShutdownWithoutRecordsTest(test.NoDBTestCase):
    """Nova 33 records no tasks, and has no event."""

    def test_begins_with_the_cleanup_of_the_driver(self) -> None:
        end = shutdown.Shutdown(types.SimpleNamespace())
        with end.delayed_by('attach_pci', 'server'):
            self.assertFalse(end.has_begun())
        end.begin()
        self.assertTrue(end.wait(600))
