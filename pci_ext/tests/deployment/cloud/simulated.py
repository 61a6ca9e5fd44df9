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

"""Compute hosts with simulated hypervisors, for the duration of a test.

Each is a real nova-compute with ``compute_driver = pci_ext.FakeDriver``, or a
fake driver of Nova while pci_ext is not active. The hosts with libvirt are
disabled meanwhile.
"""

from collections.abc import Iterable
import os
import shutil

from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import ini
from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import removing
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.functional import plain_nova

_TEMPLATES = ('nova.conf', 'nova-compute-simulated.conf')

#: All devices are offered, unless a test configures offers.
_OFFER_ALL = ['pci_information = [{"address": "*"}, {}]']
_OFFERS = (
    ('pci_ext', 'pci_information'),
    ('pci_ext', 'pci_devices'),
    ('pci', 'device_spec'),
)

_PLAIN_CONTROLLER = """
[filter_scheduler]
enabled_filters = ComputeFilter,PciPassthroughFilter
"""

#: Sections with options that other services than nova-compute read too, such
#: as the aliases.
_SHARED = ('DEFAULT', 'pci')


class Hosts:
    """Simulated hosts of a deployment where pci_ext is enabled.

    :param names: names of the hosts in the hardware file
    :param hardware: path of the hardware file with their devices
    :param config: additional lines of nova.conf
    """

    def __init__(
        self,
        cloud: bringup.Cloud,
        names: Iterable[str],
        hardware: str,
        config: str,
    ) -> None:
        self.cloud = cloud
        self.state = cloud.state
        self.names = tuple(names)
        self.hardware = hardware
        self.config = config
        self._compute = keystone.connect(cloud.state).compute

    def start(self) -> None:
        """Start the hosts, and disable the hosts with libvirt."""
        self._write_all()
        self._set_enabled(False)
        self.cloud.start('nova-api')
        supervisor = self.cloud.supervisor
        started = [self.process(name) for name in self.names]
        for process in started:
            supervisor.start(process)
        for process in started:
            supervisor.wait(process)
        self.cloud.wait_until_mapped(self.names)

    @property
    def config_files(self) -> tuple[str, ...]:
        """The paths of the configuration files of nova-api."""
        return (
            services.nova_conf(self.state, services.CONTROLLER),
            self.state.path('etc', services.CONTROLLER, services.API_FILE),
        )

    def set_active(self, active: bool) -> None:
        """Restart Nova with or without pci_ext, unless it runs so."""
        removing.set_enabled(self.state, active)
        if not active:
            self._configure_plain_controller()
        self._write_all()
        # Those whose files have changed.
        self.cloud.start(*services.NOVA, *map(computes.service, self.names))

    def _configure_plain_controller(self) -> None:
        """Enable Nova's filter, and write the aliases for nova-conductor."""
        name = services.CONTROLLER
        with open(services.nova_conf(self.state, name)) as stream:
            text = ini.merge(stream.read(), _PLAIN_CONTROLLER)
        aliases = {'pci': ini.parse(self.config).get('pci', {})}
        services.write_nova(
            self.state, name, ini.merge(text, ini.render(aliases))
        )

    def _write_all(self) -> None:
        for name in self.names:
            self._write(name)
        self._write_shared_options()

    def process(self, name: str) -> processes.Process:
        return computes.process(self.state, name)

    def _write(self, name: str) -> None:
        text = services.render_nova(self.state, name, _TEMPLATES, {})
        driver = plain_nova.DRIVER
        if self.state.enabled:
            text = install_page.enable(self.state, text, ['Every service'])
            driver = 'pci_ext.FakeDriver'
        text = ini.merge(
            text,
            f'[DEFAULT]\ncompute_driver = {driver}\n'
            f'[pci_ext]\nfake_hardware = {self.hardware}\n',
        )
        options = ini.parse(self.config)
        if not any(key in options.get(group, {}) for group, key in _OFFERS):
            text = ini.merge(text, '\n'.join(['[pci_ext]', *_OFFER_ALL]))
        text = ini.merge(text, self.config)
        services.write_nova(self.state, name, text)

    def _write_shared_options(self) -> None:
        """Write the options that nova-api needs too into its file."""
        options = ini.parse(self.config)
        shared = {name: options[name] for name in _SHARED if name in options}
        name = f'etc/{services.CONTROLLER}/{services.API_FILE}'
        with open(self.state.path(name)) as stream:
            log_file = ini.parse(stream.read())['DEFAULT']['log_file']
        shared.setdefault('DEFAULT', {})['log_file'] = log_file
        self.state.write(name, ini.render(shared))

    def stop(self) -> None:
        """Remove the hosts, which must have no servers."""
        self.cloud.stop(*(computes.service(name) for name in self.names))
        computes.remove(self.state, self.names)
        for name in self.names:
            shutil.rmtree(self.directory(name))
        self._set_enabled(True)

    def directory(self, name: str) -> str:
        """Return the directory with the domains of a host."""
        return self.state.path('nova', name)

    def domains(self, name: str) -> str:
        """Return the path of the file with the domains of a host."""
        return os.path.join(self.directory(name), 'domains.json')

    def _set_enabled(self, enabled: bool) -> None:
        for service in list(self._compute.services(binary='nova-compute')):
            if service.host in hypervisors.HOSTS:
                change = (
                    self._compute.enable_service
                    if enabled
                    else self._compute.disable_service
                )
                change(service)
