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

"""Periodic tasks of pci_ext, run by Nova with those of its manager."""

from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from oslo_service import periodic_task

from pci_ext.compute import nova_compute

#: Attribute of Nova's compute manager: functions by the names of tasks.
_ATTRIBUTE = 'pci_ext_tasks'

Function = Callable[[nova_context.RequestContext], None]

#: Nova keeps the tasks of a manager with its class.
_scheduled: set[tuple[type, str]] = set()


def schedule(
    compute: nova_compute.ComputeManager,
    name: str,
    spacing: float,
    function: Function,
) -> None:
    """Let Nova run a function with the periodic tasks of a manager.

    :param spacing: seconds from one run to the next
    """
    tasks: dict[str, Function] = getattr(compute, _ATTRIBUTE, {})
    setattr(compute, _ATTRIBUTE, {**tasks, name: function})
    if (type(compute), name) in _scheduled:
        return
    _scheduled.add((type(compute), name))

    def run_task(manager: Any, context: nova_context.RequestContext) -> None:
        run(manager, context, name)

    compute.add_periodic_task(
        periodic_task.periodic_task(spacing=spacing, name=name)(run_task)
    )


def run(compute: Any, context: nova_context.RequestContext, name: str) -> None:
    """Run a task of a compute manager, if it has it."""
    function = getattr(compute, _ATTRIBUTE, {}).get(name)
    if function is not None:
        function(context)
