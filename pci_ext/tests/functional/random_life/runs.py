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

"""Runs of a random life, replays, and the search for a shorter one."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import shutil
import tempfile

from pci_ext.tests.functional.random_life import cloud as cloud_module
from pci_ext.tests.functional.random_life import generator
from pci_ext.tests.functional.random_life import hosts
from pci_ext.tests.functional.random_life import life
from pci_ext.tests.functional.random_life import steps

Chooser = Callable[[life.Life], steps.Batch | None]


def run(
    count: int,
    seed: int,
    parallel: int,
    report: life.Report,
    placement: str = hosts.NOTHING,
) -> tuple[list[steps.Batch], life.Disagreement | None]:
    """Take steps at random in a new cloud.

    :param count: the number of steps; the last batch may exceed it
    :param parallel: the most steps at the same time
    :param placement: what Placement knows of the devices
    :returns: the batches taken, and the disagreement that ended them, if any
    """
    chooser = generator.Generator(seed, parallel)

    def choose(alive: life.Life) -> steps.Batch | None:
        if sum(len(batch) for batch in alive.batches) >= count:
            return None
        return chooser.batch(alive.states)

    return _live(choose, report, placement)


def replay(
    batches: Iterable[steps.Batch],
    report: life.Report,
    placement: str = hosts.NOTHING,
) -> life.Disagreement | None:
    """Take steps in a new cloud; return the disagreement, if any."""
    left = iter(batches)
    _, disagreement = _live(lambda _: next(left, None), report, placement)
    return disagreement


def _live(
    choose: Chooser, report: life.Report, placement: str
) -> tuple[list[steps.Batch], life.Disagreement | None]:
    directory = tempfile.mkdtemp(prefix='pci-ext-random-life-')
    cloud = cloud_module.Cloud(directory, placement)
    failed = None
    try:
        cloud.start()
        alive = life.Life(cloud, report)
        try:
            while (batch := choose(alive)) is not None:
                alive.take(batch)
            alive.audit()
        except life.Disagreement as disagreement:
            failed = disagreement
            report(f'The data of the cloud stay in {directory}\n{failed}')
    finally:
        cloud.stop()
    if failed is None:
        shutil.rmtree(directory)
    return alive.batches, failed


def shrink(
    batches: Sequence[steps.Batch],
    report: life.Report,
    placement: str = hosts.NOTHING,
) -> list[steps.Batch]:
    """Leave out batches as long as the disagreement is of the same kind.

    :returns: batches of which none can be left out by itself
    :raises ValueError: if the batches end without a disagreement
    """
    found = replay(batches, report, placement)
    if found is None:
        raise ValueError('There is no disagreement')
    kinds = found.kinds
    kept = list(batches)
    size = max(1, len(kept) // 2)
    while True:
        start = 0
        while start < len(kept):
            shorter = kept[:start] + kept[start + size :]
            again = replay(shorter, report, placement) if shorter else None
            if again is not None and again.kinds & kinds:
                kept = shorter
                report(f'{len(kept)} batches are left')
            else:
                start += size
        if size == 1:
            return kept
        size //= 2
