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

"""Lets thread pools end at once; to be imported after Nova has patched.

An idle thread of a pool looks only after some time whether the pool is being
shut down, which Nova's fixtures do and wait for in each test.
"""

from futurist import _thread

#: Seconds; one in services.
_thread.ThreadWorker.MAX_IDLE_FOR = 0.02
