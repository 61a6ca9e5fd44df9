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

"""Schemas in the form of Nova, translated to that of OpenAPI."""

from typing import Any


def translate(schema: Any) -> Any:
    r"""Translate a schema to the form of OpenAPI.

    OpenAPI has the regular expressions of ECMAScript, without ``\A`` and
    ``\Z``, and texts in Unicode, which cannot hold half of a surrogate pair.
    """
    if isinstance(schema, list):
        return [translate(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {}
    for key, value in schema.items():
        if key == 'pattern' and isinstance(value, str):
            value = _expression(value)
        elif key == 'patternProperties':
            value = {_expression(name): value[name] for name in value}
        translated[key] = translate(value)
    return translated


def _expression(text: str) -> str:
    for python, ecma in (
        (r'\A', '^'),
        (r'\Z', '$'),
        (r'\ud800-\udfff', ''),
        (r'\x', r'\u00'),
    ):
        text = text.replace(python, ecma)
    return text
