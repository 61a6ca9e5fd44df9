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

"""Prepares a test process for Nova; to be imported before all else."""

import os

# Nova's tests default to eventlet, its services to threads.
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

# Nova's test fixtures refuse to load if eventlet was imported before Nova has
# chosen between eventlet and threads.
from nova import monkey_patch  # noqa: E402

monkey_patch.patch()

# Modules use the names of Nova's objects when they are imported.
from nova import objects  # noqa: E402

from pci_ext.tests import thread_pools  # noqa: E402, F401

objects.register_all()
