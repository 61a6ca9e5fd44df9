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

"""The PCI devices of the lab's machine, as its kernel shows them."""

import glob
import os
import platform
import subprocess
import time

_DEVICES = '/sys/bus/pci/devices'

#: Vendor and product ids of the devices that QEMU emulates.
E1000E = ('8086', '10d3')
NVME = ('1b36', '0010')
IGB = ('8086', '10c9')

#: Seconds for the kernel to bind a driver.
_BIND_TIMEOUT = 30


def _read(address: str, name: str) -> str:
    with open(os.path.join(_DEVICES, address, name)) as stream:
        return stream.read().strip()


def _link(address: str, name: str) -> str | None:
    try:
        path = os.readlink(os.path.join(_DEVICES, address, name))
    except FileNotFoundError:
        return None
    return os.path.basename(path)


def ids(address: str) -> tuple[str, str]:
    """Return the vendor and product id of a device."""
    vendor, product = _read(address, 'vendor'), _read(address, 'device')
    return vendor.removeprefix('0x'), product.removeprefix('0x')


def addresses() -> list[str]:
    """Return the addresses of all PCI devices, including bridges."""
    return sorted(os.listdir(_DEVICES))


def driver(address: str) -> str | None:
    """Return the name of the driver of a device, None without one."""
    return _link(address, 'driver')


def group(address: str) -> list[str]:
    """Return the addresses of all devices in the IOMMU group of a device."""
    path = os.path.join(_DEVICES, address, 'iommu_group', 'devices')
    return sorted(os.listdir(path))


def parent(address: str) -> str | None:
    """Return the address of the PF of a VF."""
    return _link(address, 'physfn')


def vfs(address: str) -> list[str]:
    """Return the addresses of the VFs of a PF."""
    links = glob.glob(os.path.join(_DEVICES, address, 'virtfn*'))
    return sorted(os.path.basename(os.readlink(link)) for link in links)


def nics() -> list[str]:
    """Return the addresses of the NICs that are alone in an IOMMU group."""
    return [
        address
        for address in addresses()
        if ids(address) == E1000E and group(address) == [address]
    ]


def siblings() -> list[str]:
    """Return the addresses of the two NICs that share an IOMMU group."""
    return [
        address
        for address in addresses()
        if ids(address) == E1000E and len(group(address)) > 1
    ]


def pf(kind: tuple[str, str] = NVME) -> str | None:
    """Return the address of a PF that has VFs, None without one.

    :param kind: vendor and product id of the PF
    """
    for address in addresses():
        if ids(address) == kind and vfs(address):
            return address
    return None


def wait_for_driver(address: str, name: str | None) -> str | None:
    """Wait until a device has a driver, and return its driver.

    libvirt binds a device to its driver after the guest has released it, and
    sends no event then.
    """
    deadline = time.monotonic() + _BIND_TIMEOUT
    while driver(address) != name and time.monotonic() < deadline:
        time.sleep(0.1)
    return driver(address)


def describe() -> list[str]:
    """Return lines that describe this machine."""
    lines = [f'kernel {platform.release()}']
    version = subprocess.run(
        ['virsh', 'version', '--daemon'], capture_output=True, text=True
    )
    lines += [line.lower() for line in version.stdout.split('\n') if line]
    for address in addresses():
        name = driver(address)
        if name == 'pcieport' or not os.path.exists(
            os.path.join(_DEVICES, address, 'iommu_group')
        ):
            continue
        kind = f'VF of {parent(address)}' if parent(address) else 'device'
        lines.append(
            f'{kind} {address} {":".join(ids(address))} driver {name} '
            f'IOMMU group {_link(address, "iommu_group")}'
        )
    return lines
