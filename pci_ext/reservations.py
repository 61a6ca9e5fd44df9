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

"""What a server asks for, until that is on record otherwise.

Nova records what an attach or a resize takes when its host claims it. For the
quota of others it has to be seen before that: it is kept in the system
metadata of the server, and counts for as long as its task state says so.
"""

from collections import Counter
from collections.abc import Mapping

from nova import objects

#: Begins the keys; the number of devices and a running number follow. The
#: value is the name of the PCI flavor, which may be as long as a value can be.
PREFIX = 'pci_ext_asked:'


def note(instance: 'objects.Instance', devices: Mapping[str, int]) -> bool:
    """Note what a server asks for, in place of what it asked for before.

    :param instance: the server, to be saved by whoever calls this
    :param devices: how many, by the names of PCI flavors
    :returns: whether that changes anything
    """
    noted = {
        f'{PREFIX}{count}:{number}': name
        for number, (name, count) in enumerate(sorted(devices.items()))
    }
    metadata = instance.system_metadata
    before = {key for key in metadata if key.startswith(PREFIX)}
    for key in before:
        del metadata[key]
    metadata.update(noted)
    return bool(before or noted)


def forget(instance: 'objects.Instance') -> None:
    """Take back what a server asks for; to be saved by whoever calls this."""
    note(instance, {})


def of_metadata(metadata: Mapping[str, str]) -> Counter[str]:
    """Give what a server asks for.

    :param metadata: its system metadata
    """
    devices: Counter[str] = Counter()
    for key, name in metadata.items():
        if key.startswith(PREFIX):
            devices[name] += int(key.removeprefix(PREFIX).split(':')[0])
    return devices
