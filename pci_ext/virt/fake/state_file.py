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

"""The state of a simulated hypervisor in a file.

Like that of a real hypervisor, it outlives nova-compute.
"""

import json
import os
from typing import Any


def load(path: str) -> dict[str, Any]:
    """Return the content of a file; nothing if it does not exist."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as stream:
        content: dict[str, Any] = json.load(stream)
    return content


def save(path: str, content: Any) -> None:
    """Replace a file by another in JSON, in one step."""
    new = f'{path}.new'
    with open(new, 'w', encoding='utf-8') as stream:
        json.dump(content, stream)
    os.replace(new, path)
