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

"""Follows the install page of pci_ext literally."""

import os
import subprocess
import sys

from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import source
from pci_ext.tests.deployment.cloud import state_directory

#: The log line of the start of a service, as on the page.
ACTIVE = 'pci_ext is active: it replaces nova.pci.whitelist.Whitelist, '


def hosts_of(section: str) -> tuple[str, ...]:
    """Return the hosts of a section of the page."""
    return {
        'Every service': (services.CONTROLLER, *hypervisors.HOSTS),
        'nova-compute': hypervisors.HOSTS,
    }.get(section, (services.CONTROLLER,))


class Reader:
    """Follows the install page in a running cloud."""

    def __init__(self, cloud: bringup.Cloud) -> None:
        self.cloud = cloud
        self.state = cloud.state

    def follow(self) -> None:
        """Follow all steps of the page.

        :raises DeployError: if a step fails, or a block is none
        """
        if blocks := install_page.unknown(install_page.read()):
            raise state_directory.DeployError(
                f'The page has a step that is not followed: {blocks[0]}'
            )
        self._install()
        for block in install_page.read():
            if block.language == 'ini':
                self._edit(block)
            elif block.section == 'nova-api':
                self._create_tables(block)
            elif block.section == 'Check':
                self._check(block)
        self.state.mark_enabled()

    def _edit(self, block: install_page.Block) -> None:
        for host in hosts_of(block.section):
            name = f'etc/{host}/{block.file}'
            with open(self.state.path(name)) as stream:
                before = stream.read()
            after = install_page.enable(
                self.state, before, [block.section], block.file
            )
            self.state.write(name, after)

    def _install(self) -> None:
        """Install pci_ext from a copy of this source.

        :raises DeployError: if pip finds another version of it
        """
        programs.run(*_pip('uninstall', '--quiet', '--yes', 'pci_ext'))
        with source.copied() as folder:
            self._run(
                install_page.install_script(),
                services.CONTROLLER,
                folder=folder,
                PIP_QUIET='1',
            )
            [wheel] = os.listdir(os.path.join(folder, 'dist'))
        version = wheel.split('-')[1]
        if f'\nVersion: {version}\n' not in programs.run(
            *_pip('show', 'pci_ext')
        ):
            raise state_directory.DeployError(
                f'pip installed another pci_ext than version {version}.'
            )

    def _create_tables(self, block: install_page.Block) -> None:
        databases.create(self.state, 'pci_ext', 'pci_ext')
        for command in block.commands:
            self._run(command, services.CONTROLLER)

    def _check(self, block: install_page.Block) -> None:
        # The lines share their shell variables.
        script = '\n'.join(block.commands)
        if script.startswith('pci-ext-status'):
            for host in hosts_of('Every service'):
                self._run(script, host)
            self.restart()
        else:
            self._run(script, services.CONTROLLER)

    def restart(self) -> None:
        """Restart the services, and check that pci_ext is active in each.

        :raises DeployError: if the log of a service does not contain it
        """
        names = (
            *services.NOVA,
            *(computes.service(host) for host in hypervisors.HOSTS),
        )
        logs = {
            name: self.state.path('log', f'{name}.log')
            for name in names
            # This command logs nothing.
            if name != 'nova-conductor'
        }
        sizes = {name: os.path.getsize(log) for name, log in logs.items()}
        self.cloud.stop(*names)
        self.cloud.start(*names)
        for name, log in logs.items():
            with open(log, errors='replace') as stream:
                stream.seek(sizes[name])
                if ACTIVE not in stream.read():
                    raise state_directory.DeployError(
                        f'{name} did not write at its start: {ACTIVE}...'
                    )
            print(f'{name}: pci_ext is active')

    def _run(
        self,
        command: str,
        host: str,
        *,
        folder: str | None = None,
        **environ: str,
    ) -> None:
        """Run a command of the page as on a host.

        :param folder: where; by default in the home folder
        :raises DeployError: if it fails, except a warning of an upgrade check
        """
        home = self.state.path('home', host)
        link = os.path.join(home, '.nova')
        os.makedirs(home, exist_ok=True)
        if not os.path.islink(link):
            # Programs of Nova read this folder instead of /etc/nova.
            os.symlink(self.state.path('etc', host), link)
        path = os.pathsep.join([os.path.dirname(sys.executable), os.defpath])
        enter: tuple[str, ...] = ()
        if host in hypervisors.HOSTS:
            enter = hypervisors.enter_command(self.state, host)
        done = subprocess.run(
            [*enter, 'sh', '-ec', command],
            cwd=folder or home,
            env={
                **os.environ,
                'HOME': home,
                'PATH': path,
                'PYTHONWARNINGS': 'ignore',
                'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true',
                'OS_CLIENT_CONFIG_FILE': self.state.path('clouds.yaml'),
                'OS_CLOUD': 'pci-ext',
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(f'{host}$ {command}\n{done.stdout}', flush=True)
        warned = command.startswith('pci-ext-status') and done.returncode == 1
        if done.returncode and not warned:
            raise state_directory.DeployError(
                f'{command} failed with status {done.returncode}.'
            )


def _pip(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, '-m', 'pip', *arguments)
