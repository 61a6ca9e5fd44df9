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


"""The lives of servers at random, from fixed seeds.

One step at a time: the same steps then meet the same states each time.
``python -m pci_ext.tests.functional.random_life`` takes more steps, also
several at the same time.
"""

import os
from typing import ClassVar
import unittest

from oslotest import base

from pci_ext.tests.functional import forked
from pci_ext.tests.functional.random_life import hosts
from pci_ext.tests.functional.random_life import runs
from pci_ext.tests.functional.random_life import steps


class RandomLifeTestCase(base.BaseTestCase):
    """A class for each seed, as workers take whole classes."""

    STEPS = 100
    SEED: ClassVar[int]
    PLACEMENT: ClassVar[str] = hosts.NOTHING

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if os.environ.get('PCI_EXT_TEST_DEPLOYMENT'):
            raise unittest.SkipTest('changes hosts simulated in one process')
        forked.prepare()

    def check(self) -> None:
        """Check that everything agrees after each step."""
        lines: list[str] = []
        batches, disagreement = runs.run(
            self.STEPS, self.SEED, 1, lines.append, self.PLACEMENT
        )
        if disagreement is not None:
            log = '\n'.join(lines)
            self.fail(f'{disagreement}\n{log}\n{steps.dumps(batches)}')


class TestFirstLife(RandomLifeTestCase):
    SEED = 1

    def test_everything_agrees_after_each_step(self) -> None:
        self.check()


class TestSecondLife(RandomLifeTestCase):
    SEED = 2

    def test_everything_agrees_after_each_step(self) -> None:
        self.check()


class TestThirdLife(RandomLifeTestCase):
    SEED = 3

    def test_everything_agrees_after_each_step(self) -> None:
        self.check()


class TestLifeReportedInPlacement(RandomLifeTestCase):
    SEED = 4
    PLACEMENT = hosts.REPORTED

    def test_everything_agrees_after_each_step(self) -> None:
        self.check()


class TestLifeBesideAliases(RandomLifeTestCase):
    """Placement chooses the devices of aliases."""

    SEED = 5
    PLACEMENT = hosts.CHOSEN

    def test_everything_agrees_after_each_step(self) -> None:
        self.check()
