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


"""The lives of servers at random, from a fixed seed.

One step at a time: the same steps then meet the same states each time.
``python -m pci_ext.tests.functional.random_life`` takes more steps, also
several at the same time.
"""

import os
import unittest

from oslotest import base

from pci_ext.tests.functional.random_life import runs
from pci_ext.tests.functional.random_life import steps


class TestRandomLife(base.BaseTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if os.environ.get('PCI_EXT_TEST_DEPLOYMENT'):
            raise unittest.SkipTest('changes hosts simulated in one process')

    def test_everything_agrees_after_each_step(self) -> None:
        lines: list[str] = []
        batches, disagreement = runs.run(
            120, seed=1, parallel=1, report=lines.append
        )
        if disagreement is not None:
            log = '\n'.join(lines)
            self.fail(f'{disagreement}\n{log}\n{steps.dumps(batches)}')
