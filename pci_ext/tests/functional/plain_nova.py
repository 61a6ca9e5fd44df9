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
"""The all-in-one with a Nova that does not have pci_ext.

Its configuration does not activate pci_ext, and its compute driver is Nova's
fake driver with the devices and the domains of the simulated hosts.
"""

import os
import sys
import types
from typing import Any

from pci_ext.cmd import allinone
from pci_ext.cmd.allinone import config
from pci_ext.cmd.allinone import web

#: The value of compute_driver.
DRIVER = 'plain.Driver'

#: Changes of the configuration, in their order.
_CHANGES = (
    ('compute_driver = pci_ext.FakeDriver', f'compute_driver = {DRIVER}'),
    ('driver = pci_ext', 'driver = noop'),
    ('NUMATopologyFilter', 'NUMATopologyFilter,PciPassthroughFilter'),
    (',pci_ext.scheduler.weights.all_weighers', ''),
)

_write_unchanged = config.write


def _write(settings: config.Settings) -> None:
    """Write the configuration files, and change that of Nova."""
    _write_unchanged(settings)
    path = settings.path('nova.conf')
    with open(path, encoding='utf-8') as stream:
        text = stream.read()
    for old, new in _CHANGES:
        assert old in text, old
        text = text.replace(old, new)
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(text)


def _make_driver() -> type:
    """Make the class of the driver, once Nova can be imported."""
    from nova import context as nova_context
    from nova import objects
    from nova.compute import power_state
    import nova.conf
    from nova.virt import fake
    from oslo_serialization import jsonutils

    from pci_ext.virt.fake import hypervisor
    from pci_ext.virt.fake import injected_faults
    from pci_ext.virt.fake import inventory

    class Driver(fake.FakeDriverWithoutFakeNodes):
        """Nova's fake driver, with the domains of the simulated hosts."""

        def init_host(self, host: str) -> None:
            """Restore the guests, which Nova's driver keeps in memory only."""
            self._inventory = inventory.Inventory(host)
            self._domains = hypervisor.Domains(
                os.path.join(nova.conf.CONF.state_path, 'domains.json'),
                injected_faults.Faults(None),
                self._inventory,
                lambda uuid: None,
            )
            context = nova_context.get_admin_context()
            for instance in objects.InstanceList.get_by_host(
                context, host, expected_attrs=['flavor']
            ):
                super().spawn(context, instance, None, [], None, {})
            super().init_host(host)

        def get_available_resource(self, nodename: str) -> dict[str, Any]:
            resources: dict[str, Any] = super().get_available_resource(
                nodename
            )
            devices = self._inventory.devices()
            resources['pci_passthrough_devices'] = jsonutils.dumps(devices)
            return resources

        def get_info(self, instance: Any, use_cache: bool = True) -> Any:
            info = super().get_info(instance, use_cache)
            runs = self._domains.devices(instance.uuid) is not None
            info.state = power_state.RUNNING if runs else power_state.SHUTDOWN
            return info

        def _start(self, instance: 'objects.Instance') -> None:
            """Start a domain with its devices, as Nova's libvirt driver does.

            :raises KeyError: if a device has no request
            """
            devices = instance.get_pci_devices(
                source=objects.InstancePCIRequest.FLAVOR_ALIAS
            )
            self._domains.remove(instance.uuid)
            self._domains.define(
                instance.uuid, [device.address for device in devices]
            )
            self._domains.start(instance.uuid)

        def spawn(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> None:
            super().spawn(context, instance, *args, **kwargs)
            self._start(instance)

        def power_on(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> None:
            super().power_on(context, instance, *args, **kwargs)
            self._start(instance)

        def reboot(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> None:
            super().reboot(context, instance, *args, **kwargs)
            self._start(instance)

        def finish_revert_migration(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> None:
            super().finish_revert_migration(context, instance, *args, **kwargs)
            self._start(instance)

        def power_off(self, instance: Any, *args: Any, **kwargs: Any) -> None:
            super().power_off(instance, *args, **kwargs)
            self._domains.stop(instance.uuid)

        def migrate_disk_and_power_off(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> Any:
            self._domains.stop(instance.uuid)
            return super().migrate_disk_and_power_off(
                context, instance, *args, **kwargs
            )

        def destroy(
            self, context: Any, instance: Any, *args: Any, **kwargs: Any
        ) -> None:
            super().destroy(context, instance, *args, **kwargs)
            self._domains.remove(instance.uuid)

    return Driver


def install_driver() -> None:
    """Let Nova find the driver, once it can be imported."""
    module: Any = types.ModuleType('nova.virt.plain')
    module.Driver = _make_driver()
    sys.modules[module.__name__] = module


def main() -> None:
    """Run the all-in-one; it mounts services when Nova can be imported."""
    config.write = _write
    mount = web.Server.mount

    def install_and_mount(*args: Any) -> None:
        install_driver()
        mount(*args)

    web.Server.mount = install_and_mount  # type: ignore[method-assign]
    allinone.main()


if __name__ == '__main__':
    main()
