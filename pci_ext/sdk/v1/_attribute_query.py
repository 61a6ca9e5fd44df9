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

"""The parameters of lists of pools and devices."""

from typing import Any

from openstack import resource

#: Parameters of both lists; the attributes that all hosts have are among them.
NAMES = (
    'dev_type',
    'flavor',
    'host',
    'numa_node',
    'product_id',
    'sort_dir',
    'sort_key',
    'vendor_id',
)


class AttributeQueryParameters(resource.QueryParameters):
    """Sends parameters of any name: the hosts define the attributes.

    A parameter that is no other is a pattern of the attribute of its name.
    """

    def _validate(
        self, query: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        return query

    def _transpose(
        self, query: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        others = {
            key: value
            for key, value in query.items()
            if key not in self._mapping
        }
        return {**others, **super()._transpose(query, *args, **kwargs)}
