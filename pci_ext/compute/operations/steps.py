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

"""An operation as a list of steps, each with what undoes it."""

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

    :param name: as the log has it
    :param do: takes the step
    :param undo: puts back what the step changed; also called where the step
        failed halfway or before it changed anything
    """

    name: str
    do: Callable[[], None]
    undo: Callable[[], None] = _nothing


def run(steps: Sequence[Step]) -> None:
    """Take all steps, or undo those that were begun, the last one first.

    A step that cannot be undone does not keep the others from being undone.

    :raises Exception: what the step that failed raised
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
    """Undo steps, the last one first; logs what could not be undone."""
    for step in reversed(steps):
        try:
            step.undo()
        except Exception:
            LOG.exception('Step %s could not be undone', step.name)
