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

"""The configuration that a deployment tool makes of the files in the guide."""

import pathlib

from oslo_config import cfg

from pci_ext import conf as pci_ext_conf
from pci_ext.tests.packaging import base

#: The folder with the files that the guide shows.
SNIPPETS = base.ROOT / 'doc/source/install'


def read(text: str, folder: pathlib.Path) -> cfg.ConfigOpts:
    """Read a ``nova.conf`` as the services of Nova do.

    :param text: its content
    :param folder: where a file of it can be
    """
    path = folder / 'nova.conf'
    path.write_text(text)
    conf = cfg.ConfigOpts()
    pci_ext_conf.register_opts(conf)
    conf.register_opts(
        [cfg.StrOpt('compute_driver'), cfg.StrOpt('state_path')]
    )
    conf.register_opts(
        [cfg.MultiStrOpt('driver', default=[]), cfg.StrOpt('transport_url')],
        'oslo_messaging_notifications',
    )
    conf(['--config-file', str(path)], project='nova')
    return conf
