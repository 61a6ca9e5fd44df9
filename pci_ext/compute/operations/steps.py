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

"""An operation as a list of steps, each with its undo."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

from oslo_log import log as logging
from oslo_utils import excutils

LOG = logging.getLogger(__name__)


def _nothing() -> None:
    pass


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of an operation.

    :param name: the name in the log
    :param do: does the step
    :param undo: undoes the step, also one that failed halfway or before it
        changed anything
    """

    name: str
    do: Callable[[], None]
    undo: Callable[[], None] = _nothing


def run(steps: Sequence[Step]) -> None:
    """Do all steps, or undo those that were begun, the last one first.

    The others are undone even if one cannot be.

    :raises Exception: the exception of the step that failed
    """
    begun: list[Step] = []
    try:
        for step in steps:
            begun.append(step)
            step.do()
    except Exception:
        with excutils.save_and_reraise_exception():
            LOG.info('Step %s failed: undoing', begun[-1].name)
            undo(begun)


def undo(steps: Sequence[Step]) -> None:
    """Undo steps, the last one first; log those that cannot be undone."""
    for step in reversed(steps):
        try:
            step.undo()
        except Exception:
            LOG.exception('Step %s could not be undone', step.name)
