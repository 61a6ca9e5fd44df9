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

"""The driver of simulated hosts, after a restart of nova-compute."""

from nova.compute import power_state

from pci_ext.tests.component.compute import base


class FakeDriverTestCase(base.HostTestCase):
    def test_starts_a_stopped_server_after_a_restart(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        self.compute.driver._domains.stop(server)
        self.start()
        driver, instance = self.compute.driver, self.instance(server)
        driver.power_on(self.context, instance, [])
        self.assertEqual({address}, driver.attached_pci(instance))
        self.assertEqual(power_state.RUNNING, driver.get_info(instance).state)

    def test_refuses_an_unknown_fault(self) -> None:
        self.inject_faults(releases={'0000:01:00.0': 1})
        server = self.create_server()
        error = self.assertRaises(
            ValueError,
            self.compute.driver.check_pci_slots,
            self.instance(server),
            1,
        )
        self.assertIn('unknown faults releases; known are', str(error))
