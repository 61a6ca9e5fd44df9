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

"""Tests of the drivers' methods against those of the Nova that is there."""

import inspect
from typing import Any

from nova.virt import fake as nova_fake
from nova.virt.libvirt import driver as nova_libvirt
import testtools

from pci_ext.virt.fake import driver as fake_driver
from pci_ext.virt.libvirt import driver as libvirt_driver

_ANY_NUMBER = (
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)


def _named(method: Any) -> set[str]:
    """The parameters of a method that have a name of their own."""
    parameters = inspect.signature(method).parameters.values()
    return {each.name for each in parameters if each.kind not in _ANY_NUMBER}


class SignaturesTestCase(testtools.TestCase):
    """A parameter more would be handed to Nova's method by super()."""

    def _check(self, ours: type, nova_class: type) -> None:
        for name, nova_method in inspect.getmembers(
            nova_class, inspect.isfunction
        ):
            method = getattr(ours, name)
            if method.__module__.startswith('pci_ext.'):
                self.assertLessEqual(
                    _named(method), _named(nova_method), method.__qualname__
                )

    def test_fake_driver_has_no_parameter_more_than_that_of_nova(self) -> None:
        self._check(fake_driver.FakeDriver, nova_fake.FakeDriver)

    def test_libvirt_driver_has_no_parameter_more_than_that_of_nova(
        self,
    ) -> None:
        self._check(libvirt_driver.LibvirtDriver, nova_libvirt.LibvirtDriver)
