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

A server has the task state of an operation until the operation ends, so that
Nova refuses other actions on it. Nova accepts any text as a task state except
in versioned notifications, which would fail.
"""

from nova.objects import fields

from pci_ext import server_state


def register() -> None:
    """Allow our task states in notifications of Nova; idempotent."""
    known = fields.InstanceTaskStateField.AUTO_TYPE
    known._valid_values = (
        *(
            value
            for value in known.valid_values
            if value not in server_state.TASK_STATES
        ),
        *server_state.TASK_STATES,
    )
