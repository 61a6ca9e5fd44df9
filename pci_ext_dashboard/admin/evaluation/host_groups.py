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

"""Hosts with the same result of an evaluation, in one group.

A cloud has many hosts of few kinds.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
from typing import Any


@dataclasses.dataclass
class HostGroup:
    """Hosts with the same result.

    :ivar fits: whether they can serve all requests
    """

    fits: bool
    explanation: str
    hosts: list[str]


def group(results: Iterable[Mapping[str, Any]]) -> list[HostGroup]:
    """Group the results of hosts; those that fit come first."""
    groups: dict[tuple[bool, str], HostGroup] = {}
    for result in results:
        key = (result['fits'], result['explanation'])
        groups.setdefault(key, HostGroup(*key, [])).hosts.append(
            result['host']
        )
    return sorted(groups.values(), key=lambda each: not each.fits)
