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

"""Joins the commands of pci_ext to ``openstack``.

python-openstackclient looks for these names in a plugin.
"""

import argparse
from typing import Any

from osc_lib import utils
from osc_lib.command import command

from pci_ext.client import api_client

API_NAME = 'pci'
API_VERSION_OPTION = 'os_pci_api_version'
DEFAULT_API_VERSION = '1'
#: The major version alone chooses no microversion.
API_VERSIONS = (DEFAULT_API_VERSION, '1.0')


def make_client(instance: Any) -> api_client.PciClient:
    """Return the client that commands find as ``client_manager.pci``.

    The API of pci_ext is part of the compute service, so it is reached where
    and as python-openstackclient reaches that.

    :param instance: the client manager of python-openstackclient
    """
    version = instance._api_version[API_NAME]
    return api_client.PciClient(
        instance.sdk_connection.compute,
        None if version == DEFAULT_API_VERSION else version,
    )


def client_of(cmd: command.Command) -> api_client.PciClient:
    """Get the client of the shell that runs a command."""
    manager: Any = cmd.app.client_manager
    client: api_client.PciClient = manager.pci
    return client


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add the global options of pci_ext."""
    parser.add_argument(
        '--os-pci-api-version',
        metavar='<pci-api-version>',
        default=utils.env('OS_PCI_API_VERSION'),
        help=(
            f'PCI API version, default={DEFAULT_API_VERSION}, the oldest '
            f'version that the cloud supports (Env: OS_PCI_API_VERSION)'
        ),
    )
    return parser
