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

"""The steps of a random life, as data: they are written, read and replayed."""

from collections.abc import Sequence
import dataclasses
import json
from typing import Any


@dataclasses.dataclass(frozen=True)
class Step:
    """One operation.

    :ivar name: a key of operations.SERVER or surroundings.STEPS
    :ivar server: name of the server; empty if the step is not about one
    :ivar argument: of the operation, in JSON
    :ivar delay: seconds from the start of the batch to the step
    """

    name: str
    server: str = ''
    argument: Any = None
    delay: float = 0.0

    def __str__(self) -> str:
        parts = [self.name, self.server]
        if self.argument is not None:
            parts.append(json.dumps(self.argument))
        if self.delay:
            parts.append(f'after {self.delay} s')
        return ' '.join(part for part in parts if part)


#: Steps that run at the same time.
Batch = tuple[Step, ...]


def dumps(batches: Sequence[Batch]) -> str:
    """Write batches as JSON, one in a line."""
    lines = ',\n'.join(
        json.dumps([dataclasses.asdict(step) for step in batch])
        for batch in batches
    )
    return f'[\n{lines}\n]\n'


def loads(text: str) -> list[Batch]:
    """Read the batches that `dumps` wrote."""
    return [
        tuple(Step(**step) for step in batch) for batch in json.loads(text)
    ]
