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

"""Compares notifications with the samples in the documentation."""

import os
import pathlib
import re
from typing import Any

from oslo_serialization import jsonutils

import pci_ext

DIRECTORY = (
    pathlib.Path(pci_ext.__file__)
    .parents[1]
    .joinpath('doc', 'notification_samples')
)

#: Environment variable to write the samples after an intended change.
WRITE = 'PCI_EXT_TEST_WRITE_SAMPLES'

_VARIABLE = (
    (r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'UUID'),
    (r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', 'TIME'),
    (r'Traceback.*', 'Traceback (most recent call last): ...'),
)


def _shape(value: Any) -> Any:
    """Return a value with its variable parts replaced."""
    if isinstance(value, dict):
        # Nova's own payloads have versions, which differ between releases.
        ours = value.get('nova_object.namespace') != 'nova'
        return {
            key: _shape(item)
            for key, item in value.items()
            if ours or key != 'nova_object.version'
        }
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if isinstance(value, str):
        for pattern, name in _VARIABLE:
            value = re.sub(pattern, name, value, flags=re.DOTALL)
    return value


def check(test: Any, name: str, notification: dict[str, Any]) -> None:
    """Compare a notification with its sample.

    :param name: name of the file without its suffix
    :param notification: a notification recorded by Nova's fixture
    """
    path = DIRECTORY / f'{name}.json'
    found = {
        key: notification[key]
        for key in ('event_type', 'payload', 'priority', 'publisher_id')
    }
    if os.environ.get(WRITE):
        _write(path, found)
    sample = jsonutils.loads(path.read_text(encoding='utf-8'))
    test.assertEqual(_shape(sample), _shape(jsonutils.to_primitive(found)))


def _write(path: pathlib.Path, found: dict[str, Any]) -> None:
    text = jsonutils.dumps(found, indent=4, sort_keys=True)
    # A traceback names the folders of the machine.
    text = re.sub(
        r'(Traceback \(most recent call last\):).*"', r'\1 ..."', text
    )
    path.write_text(text + '\n', encoding='utf-8')
