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

"""The files that the all-in-one writes into its data directory."""

from collections.abc import Iterable
import dataclasses
import os
import string

from oslo_config import cfg

from pci_ext.cmd.allinone import templates

#: All devices are offered, unless a configuration file says otherwise.
OFFER_ALL = 'pci_information = [{"address": "*"}, {}]'

#: The options that offer devices.
_OFFERS = {
    ('pci_ext', 'pci_information'),
    ('pci_ext', 'pci_devices'),
    ('pci', 'device_spec'),
}

_FILES = {
    'nova.conf': templates.NOVA,
    'api-paste.ini': templates.API_PASTE,
    'placement.conf': templates.PLACEMENT,
    'clouds.yaml': templates.CLOUDS,
}

#: One SQLite file each, in the data directory.
DATABASES = ('nova_api', 'nova_cell0', 'nova_cell1', 'pci_ext', 'placement')

#: The project of the cloud pci-ext-member in clouds.yaml.
MEMBER_PROJECT = 'dd1f9d7fe2544f1a8b1d3dbcb7ea6d6a'


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of one all-in-one.

    :ivar data_dir: absolute path of the directory that holds all files
    :ivar port: TCP port of all services, on the loopback interface
    :ivar hardware: absolute path of the hardware file
    :ivar config_files: configuration files of Nova, read after nova.conf
    """

    data_dir: str
    port: int
    hardware: str
    config_files: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def path(self, *names: str) -> str:
        """Return the path of a file in the data directory."""
        return os.path.join(self.data_dir, *names)

    def database(self, name: str) -> str:
        """Return the URL of one of DATABASES."""
        # Seconds that a writer waits for the others.
        return f'sqlite:///{self.path(name)}.db?timeout=60'


def write(settings: Settings) -> None:
    """Write the configuration files of all services, and clouds.yaml.

    :raises cfg.ParseError: if a file of the user does not parse
    :raises OSError: if a file cannot be read or written
    """
    values = {
        'data_dir': settings.data_dir,
        'url': settings.url,
        'hardware': settings.hardware,
        'offer': '' if _offers(settings.config_files) else OFFER_ALL,
        'member_project': MEMBER_PROJECT,
    }
    for name in DATABASES:
        values[f'{name}_db'] = settings.database(name)
    values['endpoints'] = _fill(templates.ENDPOINTS, values)
    for name, template in _FILES.items():
        with open(settings.path(name), 'w', encoding='utf-8') as stream:
            stream.write(_fill(template, values))


def _fill(template: str, values: dict[str, str]) -> str:
    return string.Template(template).substitute(values)


def _offers(config_files: Iterable[str]) -> bool:
    """Return whether the user's files set an option that offers devices."""
    for path in config_files:
        sections: dict[str, dict[str, list[str]]] = {}
        with open(path, encoding='utf-8'):
            cfg.ConfigParser(path, sections).parse()
        for section, options in sections.items():
            if any((section, option) in _OFFERS for option in options):
                return True
    return False
