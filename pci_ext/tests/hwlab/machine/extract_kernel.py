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

"""Take the ELF kernel out of a bzImage.

QEMU boots it by the PVH protocol: a kernel that unpacks itself takes eight
seconds more where each instruction is emulated.
"""

from collections.abc import Iterator
import lzma
import subprocess
import sys
import zlib

ELF = b'\x7fELF'


def _xz(data: bytes) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)


def _gzip(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data)


def _zstd(data: bytes) -> bytes:
    # Bytes after the frame are reported as an error, and are none.
    done = subprocess.run(
        ['zstd', '-dcqq'],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return done.stdout


FORMATS = {
    b'\xfd7zXZ\0': _xz,
    b'\x28\xb5\x2f\xfd': _zstd,
    b'\x1f\x8b\x08': _gzip,
}


def _unpacked(image: bytes) -> Iterator[bytes]:
    for magic, unpack in FORMATS.items():
        at = image.find(magic)
        while at >= 0:
            try:
                yield unpack(image[at:])
            except (lzma.LZMAError, zlib.error):
                # The magic number was there by chance.
                pass
            at = image.find(magic, at + 1)


def main(source: str, target: str) -> None:
    """Write the kernel in the file source to the file target."""
    with open(source, 'rb') as stream:
        image = stream.read()
    for kernel in _unpacked(image):
        if kernel.startswith(ELF):
            with open(target, 'wb') as stream:
                stream.write(kernel)
            return
    sys.exit(f'{source}: no kernel found in it')


if __name__ == '__main__':
    main(*sys.argv[1:])
