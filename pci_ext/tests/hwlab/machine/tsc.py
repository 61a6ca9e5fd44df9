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

"""Print the kilohertz of the processor's time stamp counter, on x86.

QEMU passes this counter to the emulated machine, whose kernel measures its
frequency at boot. On a busy machine the kernel may measure a tenth of it. Then
its clock runs ten times too fast.
"""

import ctypes
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
_CODE = bytes.fromhex('0f31 48c1e220 4809d0 c3')

_NANOSECONDS = 100_000_000


def main() -> None:
    """Count ticks for a tenth of a second."""
    if platform.machine() != 'x86_64':
        return
    memory = mmap.mmap(-1, len(_CODE), prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(_CODE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(start)

    ticks, began = read(), time.monotonic_ns()
    time.sleep(_NANOSECONDS / 1e9)
    ticks, nanoseconds = read() - ticks, time.monotonic_ns() - began
    print(ticks * 1_000_000 // nanoseconds)  # noqa: T201


if __name__ == '__main__':
    main()
