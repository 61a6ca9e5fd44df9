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

"""Schemas as Nova has them, put into the words of OpenAPI."""

from typing import Any


def translate(schema: Any) -> Any:
    r"""Put a schema into the words of OpenAPI.

    Its regular expressions are those of ECMAScript, which have no ``\A`` and
    ``\Z``; and its texts are Unicode, in which half of a surrogate pair is
    nothing that would have to be left out.
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
        (r'\x00', r'\u0000'),
    ):
        text = text.replace(python, ecma)
    return text
