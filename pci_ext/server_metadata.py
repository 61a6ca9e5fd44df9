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

"""What pci_ext keeps in the system metadata of a server.

It outlives nova-compute, and goes with the server wherever that goes.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from nova import objects

#: Characters in a value of the system metadata.
MAX_LENGTH = 255


@dataclasses.dataclass(frozen=True)
class Marks:
    """Values by name.

    :ivar prefix: begins the keys of the system metadata that hold them
    """

    prefix: str

    def of(self, instance: 'objects.Instance') -> dict[str, str]:
        return {
            key.removeprefix(self.prefix): value
            for key, value in instance.system_metadata.items()
            if key.startswith(self.prefix)
        }

    def add(
        self, instance: 'objects.Instance', values: Mapping[str, str]
    ) -> None:
        new = {self.prefix + name: value for name, value in values.items()}
        if not new.items() <= instance.system_metadata.items():
            instance.system_metadata.update(new)
            instance.save()

    def remove(
        self, instance: 'objects.Instance', names: Iterable[str]
    ) -> None:
        """Take back what is there of some."""
        old = set(names) & set(self.of(instance))
        if old:
            for name in old:
                del instance.system_metadata[self.prefix + name]
            instance.save()


#: Devices that the guest of a server was asked for: by their addresses, on
#: the host where it is, the operation that did.
ASKED_FOR = Marks('pci_ext:detach:')
