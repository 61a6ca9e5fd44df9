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
"""The configuration and the databases of Nova, for a command."""

from collections.abc import Iterable

from nova import config
from nova import objects
import nova.conf

from pci_ext import conf


def load(config_files: Iterable[str], config_dirs: Iterable[str]) -> None:
    """Read the configuration of Nova, and make its databases known.

    pci_ext becomes active if the configuration says so, as in nova-manage.
    """
    conf.register_opts(nova.conf.CONF)
    config.parse_args(
        [
            'pci-ext-manage',
            *(f'--config-file={path}' for path in config_files),
            *(f'--config-dir={path}' for path in config_dirs),
        ]
    )
    objects.register_all()
