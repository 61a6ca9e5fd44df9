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

"""The configuration of tempest."""

from collections.abc import Mapping
import configparser
import os

#: Seconds for a server to reach a status; the processors may be busy.
_SERVER_TIMEOUT = 180

#: Options by group, the same for each cloud.
_COMMON: Mapping[str, Mapping[str, object]] = {
    'auth': {
        'admin_domain_name': 'Default',
        # All servers are on a shared network, or on none.
        'create_isolated_networks': False,
    },
    'service_available': {'cinder': False, 'swift': False},
    'enforce_scope': {'nova': True},
    # The guests have no ssh.
    'validation': {'run_validation': False},
    'compute': {
        'build_timeout': _SERVER_TIMEOUT,
        'min_microversion': '2.1',
        'max_microversion': 'latest',
    },
    'compute-feature-enabled': {
        'hostname_fqdn_sanitization': True,
        'live_migrate_back_and_forth': True,
        'resize': True,
        'shelve_migrate': True,
    },
}


def write(directory: str, options: Mapping[str, Mapping[str, object]]) -> None:
    """Write tempest.conf into the directory of a run.

    :param options: the options by group in which this cloud differs
    """
    files = {
        'DEFAULT': {'log_file': os.path.join(directory, 'tempest.log')},
        'oslo_concurrency': {'lock_path': os.path.join(directory, 'locks')},
    }
    parser = configparser.ConfigParser(interpolation=None)
    for each in (files, _COMMON, options):
        parser.read_dict(each)
    path = os.path.join(directory, 'tempest.conf')
    with open(path, 'w', encoding='utf-8') as stream:
        parser.write(stream)
