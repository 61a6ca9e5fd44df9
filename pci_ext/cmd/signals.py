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

"""Commands that run until a signal."""

import threading

#: Seconds after which the handler of a signal runs at the latest.
_POLL = 1


def wait(event: threading.Event) -> None:
    """Wait in the main thread for an event that a signal sets.

    Python runs the handlers of signals in the main thread. A signal that the
    kernel delivers to another thread does not wake it.
    """
    while not event.wait(_POLL):
        pass
