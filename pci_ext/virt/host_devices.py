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

"""The PCI devices of this host, listed without running nova-compute."""

from typing import Any

from nova import exception as nova_exception
from nova.virt.libvirt import host as nova_host
from oslo_config import cfg
from oslo_serialization import jsonutils

from pci_ext import exception
from pci_ext import virt
from pci_ext.i18n import _
from pci_ext.virt.fake import hardware

CONF = cfg.CONF


def devices() -> list[dict[str, Any]]:
    """List the devices that the compute driver reports on this host.

    Changes nothing in the hypervisor.

    :raises UnsupportedConfiguration: for a driver that is not of pci_ext, or
        without libvirt-python
    :raises InvalidHardware: if the hardware file cannot be read
    :raises nova.exception.NovaException: if libvirt does not answer
    """
    if CONF.compute_driver == 'pci_ext.LibvirtDriver':
        driver = _libvirt_driver()
        _connect(driver)
        reported: list[dict[str, Any]] = jsonutils.loads(
            driver._get_pci_passthrough_devices()
        )
        return reported
    if CONF.compute_driver == 'pci_ext.FakeDriver':
        path = CONF.pci_ext.fake_hardware
        return hardware.load(path).get(CONF.host, []) if path else []
    raise exception.UnsupportedConfiguration(
        reason=_(
            '[DEFAULT] compute_driver is %s; devices of [pci_ext] '
            'pci_information are offered by pci_ext.LibvirtDriver only.'
        )
        % CONF.compute_driver
    )


def _libvirt_driver() -> Any:
    try:
        return virt.LibvirtDriver(None, read_only=True)
    except ImportError as error:
        raise exception.UnsupportedConfiguration(
            reason=_(
                'pci_ext.LibvirtDriver needs libvirt-python (%s): install '
                'pci_ext[libvirt].'
            )
            % error
        ) from error


def _connect(driver: Any) -> None:
    """Check that libvirt answers.

    Nova's driver would notify other services if not, and cannot outside of a
    service.
    """
    try:
        driver._host._get_connection()
    except nova_host.libvirt.libvirtError as error:
        raise nova_exception.HypervisorUnavailable(str(error)) from error
