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

"""JSON schemas of the versions of the API."""

from pci_ext.api.schemas import common

_VERSION: common.Schema = {
    'type': 'string',
    'pattern': r'^[1-9][0-9]*\.[0-9]+$',
}

index_query = common.NO_QUERY

index_response = common.object_with(
    'versions',
    {
        'type': 'array',
        'items': common.all_of(
            {
                'id': common.described(
                    {'type': 'string', 'pattern': '^v[1-9][0-9]*$'},
                    'Major version.',
                ),
                'status': common.described(
                    {'type': 'string', 'const': 'CURRENT'},
                    'Always ``CURRENT``.',
                ),
                'version': common.described(_VERSION, 'Newest version.'),
                'min_version': common.described(_VERSION, 'Oldest version.'),
                'links': common.LINKS,
            }
        ),
    },
    'The versions, one for each major version.',
)
