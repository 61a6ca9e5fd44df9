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

"""Values of the API in one line of a table; None where there are none."""

from collections.abc import Iterable
from collections.abc import Mapping


def join_pairs(pairs: Mapping[str, str]) -> str | None:
    """Return attributes, or their patterns, sorted by key."""
    texts = (f'{key}={value}' for key, value in sorted(pairs.items()))
    return ', '.join(texts) or None


def join_names(names: Iterable[str]) -> str | None:
    return ', '.join(names) or None
