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

from nova import exception as nova_exception
from oslotest import base
import webob.exc

from pci_ext.api import errors


class AsHttpTestCase(base.BaseTestCase):
    def conflict_text(self, error: Exception) -> str:
        def fail() -> None:
            with errors.as_http():
                raise error

        response = self.assertRaises(webob.exc.HTTPConflict, fail)
        return str(response.explanation)

    def test_invalid_server_state_is_a_conflict(self) -> None:
        text = self.conflict_text(
            nova_exception.InstanceInvalidState(
                instance_uuid='uuid',
                attr='vm_state',
                state='building',
                method='attach_pci',
            )
        )
        self.assertIn('attach_pci', text)
        self.assertIn('building', text)

    def test_conflict_has_the_text_of_the_error(self) -> None:
        self.assertEqual(
            'another text',
            self.conflict_text(
                nova_exception.InstanceInvalidState('another text')
            ),
        )

    def test_other_errors_are_not_converted(self) -> None:
        def fail() -> None:
            with errors.as_http():
                raise ValueError('other')

        self.assertRaises(ValueError, fail)
