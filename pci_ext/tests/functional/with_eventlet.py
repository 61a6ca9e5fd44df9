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


"""The all-in-one under eventlet, the other of Nova's concurrency modes."""

from nova import monkey_patch

# It must precede the imports of the modules that eventlet patches.
monkey_patch.patch(backend='eventlet')

from pci_ext.cmd import allinone  # noqa: E402

if __name__ == '__main__':
    allinone.main()
