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
"""Rows of the table: a figure of pci_ext beside its rival."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import gc
import time
from typing import Any

#: Unit of which more is better; of all others less is.
PER_SECOND = '1/s'


@dataclasses.dataclass(frozen=True)
class Row:
    """A figure of pci_ext, and that of Nova in the same run.

    :ivar rival: None if Nova does nothing of the kind
    :ivar target: the ratio that pci_ext is to reach; above 1 it is better.
        Without a rival the figure that pci_ext is not to exceed
    """

    name: str
    unit: str
    ours: float
    rival: float | None = None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        if not self.rival or not self.ours:
            return None
        if self.unit == PER_SECOND:
            return self.ours / self.rival
        return self.rival / self.ours

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), 'ratio': self.ratio}

    def as_line(self) -> str:
        return (
            f'{self.name:<58} {self.unit:>10} {_number(self.ours):>10} '
            f'{_number(self.rival):>10} {_number(self.ratio):>8} '
            f'{_number(self.target):>7}'
        )


HEAD = (
    f'{"measurement":<58} {"unit":>10} {"pci_ext":>10} {"Nova":>10} '
    f'{"ratio":>8} {"target":>7}'
)


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.4g}'


def seconds(run: Callable[[], Any], collect: bool = True) -> float:
    """Return the processor time of a run; a busy machine changes it little.

    :param collect: whether to collect garbage before, which takes long
    """
    if collect:
        gc.collect()
    before = time.process_time()
    run()
    return time.process_time() - before


def in_turns(
    ours: Callable[[], float], rival: Callable[[], float], rounds: int
) -> tuple[float, float]:
    """Measure both in turns, as the speed of a machine changes.

    :param ours: measures once; so does rival
    :returns: the least of each, which other processes slowed down least
    """
    pairs = [(ours(), rival()) for _ in range(rounds)]
    return min(one for one, _ in pairs), min(other for _, other in pairs)
