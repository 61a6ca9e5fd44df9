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

"""The methods of Nova's compute API that the API of pci_ext extends.

The class is no seam: controllers of the API create it. But each service checks
its shape, so that an operator learns of a change before nova-api is restarted.
"""

from nova.compute import api

from pci_ext.activation import seam

#: Nova's own class, whichever class its module has later.
_API = api.API

_OF_SERVER = ('self', 'context', 'instance')

#: The parameters that methods of Nova are expected to begin with.
SIGNATURES = {
    '_provision_instances': (
        'self',
        'context',
        'flavor',
        'min_count',
        'max_count',
        'base_options',
    ),
    '_check_quota_for_upsize': (
        'context',
        'instance',
        'current_flavor',
        'new_flavor',
        'is_bfv',
        'is_revert',
    ),
    '_cleanup_build_artifacts': ('instances', 'instances_to_build'),
    '_check_quota_unshelve_offloaded': ('context', 'instance', 'request_spec'),
    'resize': _OF_SERVER,
    'live_migrate': _OF_SERVER,
    'evacuate': _OF_SERVER,
    'unshelve': _OF_SERVER,
    'attach_interface': (*_OF_SERVER, 'network_id', 'port_id', 'requested_ip'),
    '_record_action_start': (*_OF_SERVER, 'action'),
}


def check_signatures() -> None:
    """Compare the methods of Nova with those expected.

    :raises SeamChanged: naming the difference
    """
    for name, expected in SIGNATURES.items():
        seam.check_parameters(
            f'nova.compute.api.API.{name}',
            expected,
            getattr(_API, name, None),
            leading=True,
        )
