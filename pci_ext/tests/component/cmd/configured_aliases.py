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
"""Aliases in the configuration of tests."""

import fixtures
from nova.pci import request
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_serialization import jsonutils


class Aliases(fixtures.Fixture):
    """Aliases, each given by the fields of an entry."""

    def __init__(self, *entries: dict[str, str]) -> None:
        self.entries = entries

    def _setUp(self) -> None:
        self.useFixture(config_fixture.Config(cfg.CONF)).config(
            group='pci', alias=[jsonutils.dumps(each) for each in self.entries]
        )
        # Nova reads them once in a process.
        request.get_alias_from_config.cache_clear()
        self.addCleanup(request.get_alias_from_config.cache_clear)
