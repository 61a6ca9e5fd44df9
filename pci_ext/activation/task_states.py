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

"""The task states of servers whose PCI devices are being changed.

A server has one for as long as the operation takes, so that Nova refuses to
begin anything else with it. Nova accepts any text as a task state but in
versioned notifications, where it would drop or break the notification.
"""

from nova.objects import fields

from pci_ext import server_state


def register() -> None:
    """Let notifications of Nova carry our task states; repeatable."""
    known = fields.InstanceTaskStateField.AUTO_TYPE
    known._valid_values = (
        *(
            value
            for value in known.valid_values
            if value not in server_state.TASK_STATES
        ),
        *server_state.TASK_STATES,
    )
