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

"""The image of a guest: a boot sector that writes a greeting, and halts.

Its 512 bytes boot at once on QEMU without hardware support.
"""

import struct
from typing import Any

from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import state_directory

NAME = 'tiny'

#: The text that the guest writes to its serial port.
GREETING = b'the guest of pci_ext runs\r\n'

#: How often: a console of one line is too short for tempest.
_REPETITIONS = 10

_SIZE = 2**20


def boot_sector() -> bytes:
    """Return the program: code of 16 bits, loaded at 0x7c00."""
    program = (
        '31c0 8ed8'  # ds = 0
        'be %s'  # si = address of the greeting
        'bafd03'  # next: dx = 0x3fd, the status of the serial line
        'ec a820 74fb'  # wait until it can send
        'baf803'  # dx = 0x3f8, the data of the serial line
        'ac 84c0 7403'  # al = the next character; to halt if it is 0
        'ee ebed'  # send it; to next
        'f4 ebfd'  # halt, for ever
    )
    length = len(bytes.fromhex(program % '0000'))
    address = (0x7C00 + length).to_bytes(2, 'little').hex()
    content = (
        bytes.fromhex(program % address) + GREETING * _REPETITIONS + b'\0'
    )
    # glance and Nova refuse images without a partition.
    partition = struct.pack('<B3xB3xII', 0x80, 0x83, 1, _SIZE // 512 - 1)
    return content.ljust(446, b'\0') + partition.ljust(64, b'\0') + b'\x55\xaa'


def upload(state: state_directory.State, name: str = NAME) -> Any:
    """Return an image in glance with the guest; upload it if it is missing."""
    connection: Any = keystone.connect(state)
    found = connection.image.find_image(name)
    if found is None:
        found = connection.image.create_image(
            name,
            data=boot_sector().ljust(_SIZE, b'\0'),
            disk_format='raw',
            container_format='bare',
            visibility='public',
        )
    return found
