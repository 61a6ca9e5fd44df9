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

"""The graceful shutdown of nova-compute, and the tasks that it waits for.

Nova 34 waits for the tasks that its compute manager has recorded. Nova 33
records none, and does not wait.
"""

from collections.abc import Iterator
import contextlib
import threading
from typing import Any

from pci_ext.activation import seam
from pci_ext.compute import nova_compute

_START = '_record_task_start'
_END = '_record_task_end'
_METHODS = {
    _START: ('task_name', 'instance_uuid', 'request_id'),
    _END: ('key', 'future', 'failed'),
}

#: The event that Nova 34 sets before it waits for its tasks.
_BEGUN = '_shutdown_in_progress'


class Shutdown:
    """The shutdown of one nova-compute.

    :param compute: Nova's compute manager
    :raises SeamChanged: if its methods have other parameters than expected
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute: Any = compute
        self._records = hasattr(compute, _START)
        self._begun = getattr(compute, _BEGUN, None) or threading.Event()
        for name, parameters in _METHODS.items():
            if self._records:
                seam.check_parameters(
                    f'nova.manager.Manager.{name}',
                    parameters,
                    getattr(compute, name, None),
                )

    def begin(self) -> None:
        """Let no operation begin from now on, and end all waits."""
        self._begun.set()

    def has_begun(self) -> bool:
        return self._begun.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait some time, or until the shutdown begins.

        :returns: whether it has begun
        """
        return self._begun.wait(seconds)

    @contextlib.contextmanager
    def delayed_by(
        self, task: str, server_uuid: str, request_id: str | None = None
    ) -> Iterator[None]:
        """Let a shutdown wait until the body has ended.

        :param task: the name of the task in the log
        """
        if not self._records:
            yield
            return
        key = getattr(self._compute, _START)(task, server_uuid, request_id)
        failed = True
        try:
            yield
            failed = False
        finally:
            getattr(self._compute, _END)(key, failed=failed)
