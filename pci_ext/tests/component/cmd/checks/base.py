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

"""Upgrade checks on databases of Nova, with two cells."""

from collections.abc import Callable

from oslo_upgradecheck import upgradecheck

from pci_ext.tests.component.api import base

SUCCESS = upgradecheck.Code.SUCCESS
WARNING = upgradecheck.Code.WARNING
FAILURE = upgradecheck.Code.FAILURE


class CheckTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.Database())

    def assert_success(self, check: Callable[[], upgradecheck.Result]) -> None:
        result = check()
        self.assertEqual((SUCCESS, None), (result.code, result.details))

    def assert_problem(
        self,
        code: upgradecheck.Code,
        check: Callable[[], upgradecheck.Result],
        *texts: str,
    ) -> str:
        """Check the code, and that the details have all texts."""
        result = check()
        self.assertEqual(code, result.code, result.details)
        details = str(result.details)
        for text in texts:
            self.assertIn(text, details)
        return details

    def assert_not_checked(
        self, check: Callable[[], upgradecheck.Result]
    ) -> None:
        self.assert_problem(
            SUCCESS, check, 'Not checked: ', 'configuration of a compute host'
        )
