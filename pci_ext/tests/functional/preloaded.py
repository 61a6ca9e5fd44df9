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

"""Imported once, by the process of which all-in-ones are forks.

It imports what an all-in-one imports before it activates pci_ext, and modules
in which activation replaces nothing.
"""

import os

from nova import monkey_patch

os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
monkey_patch.patch(backend='threading')

import vif_plug_ovs.ovs  # noqa: E402, F401

from pci_ext.cmd.allinone import services  # noqa: E402, F401
