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

"""Schemas of the evaluation of a request on all hosts."""

from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory

_TEXT: common.Schema = {'type': 'string'}
_COUNT: common.Schema = {'type': 'integer', 'minimum': 0}


_REQUEST = common.described(
    _TEXT, 'Alternatives of the request, separated by commas.'
)
_REQUESTED = common.described(
    {'type': 'integer', 'minimum': 1}, 'Number of devices.'
)


def _list_of(text: str, **properties: common.Schema) -> common.Schema:
    return {
        'description': text,
        'type': 'array',
        'items': common.all_of(properties),
    }


#: Hosts, each with its part of an evaluation.
HOSTS = _list_of(
    'The hosts with devices, each with its result.',
    host=common.described(_TEXT, 'Name of the host.'),
    fits=common.described(
        {'type': 'boolean'}, 'Whether the host can serve all requests.'
    ),
    explanation=common.described(_TEXT, 'The same in words.'),
    assignment=_list_of(
        'Devices for the requests; empty if the host does not fit.',
        request=_REQUEST,
        pci_flavor=common.described(
            _TEXT, 'Name of the alternative that is assigned.'
        ),
        count=_REQUESTED,
        pool=common.described(inventory.STRINGS, 'Properties of the pool.'),
    ),
    requests=_list_of(
        'The requests, each with the devices of the host.',
        request=_REQUEST,
        count=_REQUESTED,
        found=common.described(
            _COUNT,
            'Devices that can be assigned to it; 0 if the search was given '
            'up.',
        ),
        matching=common.described(_COUNT, 'Free devices that match it.'),
        total=common.described(_COUNT, 'Devices that match it, free or not.'),
    ),
)

create = common.object_with(
    'evaluate',
    common.all_of(
        {
            'request': common.described(
                _TEXT, 'Value of ``pci_passthrough:pci_flavor``.'
            )
        }
    ),
    'The request to evaluate.',
)

create_response = common.object_with(
    'evaluation',
    common.all_of(
        {
            'request': common.described(_TEXT, 'The evaluated request.'),
            'hosts': HOSTS,
            'cells_down': inventory.CELLS_DOWN,
        }
    ),
    'The result.',
)
