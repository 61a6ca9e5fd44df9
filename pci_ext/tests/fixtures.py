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

"""Fixtures shared by the tests."""

import functools

import fixtures
from nova import conf as nova_conf
from nova import objects as nova_objects
from oslo_config import fixture as config_fixture

from pci_ext import conf
from pci_ext.activation import activator
from pci_ext.activation import seam as seam_module

#: Caches, for each seam, the search through all modules of Nova.
_holders_of = functools.cache(seam_module._holders_of)


class Activation(fixtures.Fixture):
    """Activates pci_ext in this process, and restores Nova at cleanup."""

    def _setUp(self) -> None:
        nova_objects.register_all()
        conf.register_opts(nova_conf.CONF)
        self.conf = self.useFixture(config_fixture.Config(nova_conf.CONF))
        for seam in activator.seams():
            # Patched with its current value, which the fixture restores.
            self.useFixture(
                fixtures.MockPatchObject(
                    seam.owner, seam.attribute, seam.current
                )
            )
        with fixtures.MonkeyPatch(
            'pci_ext.activation.seam._holders_of', _holders_of
        ):
            activator.activate()
