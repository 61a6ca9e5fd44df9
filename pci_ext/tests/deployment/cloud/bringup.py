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

"""Starting and stopping a deployment."""

from collections.abc import Iterable
import functools
import glob
import os
import shutil
import signal
import time

from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import hardware
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import images
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import messaging
from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory


class Cloud:
    """The processes of a deployment, in the order of their start."""

    def __init__(self, state: state_directory.State) -> None:
        self.state = state
        self.supervisor = processes.Supervisor(state)

    def process(self, name: str) -> processes.Process:
        """Return the process of a name, as in ``status``."""
        state = self.state
        host, _, part = name.partition('.')
        if part == 'namespaces':
            return hypervisors.namespaces(state, host)
        if part == 'libvirtd':
            return hypervisors.libvirtd(state, host)
        if name == computes.service(hardware.HOST):
            return hardware.process(state)
        if name.startswith('nova-compute-'):
            return computes.process(state, name[len('nova-compute-') :])
        if name in ('nova-conductor', 'nova-scheduler'):
            return services.nova(state, name)
        makers = {
            'mariadb': databases.process,
            'epmd': messaging.mapper,
            'rabbitmq': messaging.process,
        }
        return makers.get(name, functools.partial(services.web, name=name))(
            state
        )

    def start(self, *names: str) -> list[str]:
        """Start the processes that do not run, and wait until all are ready.

        :returns: names of the started processes
        """
        found = [self.process(name) for name in names]
        started = [each for each in found if self.supervisor.start(each)]
        for each in started:
            self.supervisor.wait(each)
        return [each.name for each in started]

    def stop(self, *names: str, number: int = signal.SIGTERM) -> None:
        for name in names:
            self.supervisor.stop(name, number)

    def restart(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a process by a signal, and start it again."""
        self.stop(name, number=number)
        self.start(name)

    def up(self) -> None:
        """Start all services that do not run.

        :raises DeployError: if a service cannot be started
        """
        state = self.state
        programs.check()
        services.write(state)
        for host in hypervisors.HOSTS:
            hypervisors.prepare(state, host)
            computes.write(state, host)
        databases.prepare(state)
        messaging.prepare(state)
        self._print('database, messages')
        self.start('mariadb', 'epmd')
        self.start('rabbitmq')
        databases.create_all(state)
        self._print('tables')
        services.sync(state)
        self._print('keystone')
        keystone.prepare(state)
        keystone.write_clouds(state)
        self.start('keystone')
        keystone.create_accounts(state)
        self._print('services')
        hosts = hypervisors.HOSTS
        self.start('glance-api', 'placement', 'neutron', 'nova-conductor')
        self.start(*(hypervisors.namespaces_name(host) for host in hosts))
        hypervisors.connect(state)
        self.start(
            *('nova-api', 'nova-scheduler'),
            *(f'{host}.libvirtd' for host in hosts),
        )
        self._print('compute hosts')
        self.start(*(computes.service(host) for host in hosts))
        images.upload(state)
        self.wait_until_mapped(hosts)

    def wait_until_mapped(self, hosts: Iterable[str]) -> None:
        """Wait until hosts are mapped to a cell."""
        deadline = time.monotonic() + processes.TIMEOUT
        for host in hosts:
            while not computes.mapped(self.state, host):
                if time.monotonic() > deadline:
                    raise state_directory.DeployError(f'{host} is not found.')
                time.sleep(0.5)

    def down(self) -> None:
        """Stop all processes of the deployment; its data remains."""
        for host in hypervisors.HOSTS:
            hypervisors.destroy_domains(self.state, host)
        for name in reversed(self.supervisor.names()):
            self.stop(name)

    def remove(self) -> None:
        """Remove the data of a stopped deployment."""
        for path in glob.glob(self.state.path('*')):
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.remove(path)

    def status(self) -> list[tuple[str, int | None]]:
        """Return the process ids by name; None if the process has ended."""
        return [
            (name, self.supervisor.pid(name))
            for name in self.supervisor.names()
        ]

    def _print(self, step: str) -> None:
        print(f'... {step}', flush=True)
