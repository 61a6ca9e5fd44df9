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

"""The directive ``pci-api``: an operation of the API, as it declares itself.

It shows the tables and the samples of an operation, and after its docstring
the content of the directive:

.. code-block:: rst

   .. pci-api:: pci_flavors.index

"""

from collections.abc import Iterator
import functools
from http import HTTPStatus
import pathlib
import re
import tempfile
from typing import Any

from docutils import statemachine
from nova import rpc
import nova.conf
from sphinx.application import Sphinx
from sphinx.util import docutils

from pci_ext import conf
from pci_ext import policies
from pci_ext.api import router
from pci_ext.api.openapi import faults
from pci_ext.api.openapi import operations

SAMPLES = 'samples'


@functools.cache
def _served() -> dict[str, operations.Operation]:
    """Return each operation by its id."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as stream:
        stream.write('[DEFAULT]\ntransport_url = fake:/\n')
        stream.flush()
        nova.conf.CONF(['--config-file', stream.name], project='nova')
        conf.register_opts()
        rpc.init(nova.conf.CONF)
    app = router.APIRouter(router.load_routes())
    return {each.id: each for each in operations.served(app.map)}


class PciApi(docutils.SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self) -> list[Any]:
        name = self.arguments[0]
        operation = _served().get(name)
        if operation is None:
            raise self.error(f'the API has no operation {name}')
        lines = [
            *_head(operation),
            *self.content,
            '',
            *_table('Request', _parameters(operation)),
            *_table('Response', list(_fields(operation.response))),
            *self._samples(name),
        ]
        self.state_machine.insert_input(
            statemachine.StringList(lines, source=name).data, source=name
        )
        return []

    def _samples(self, name: str) -> Iterator[str]:
        """Show all that is there of the operation."""
        page = pathlib.Path(self.env.doc2path(self.env.docname))
        samples = []
        for path in (page.parent / SAMPLES).glob(f'{name}*.json'):
            stem, _, kind = path.stem.rpartition('-')
            if stem == name or stem.startswith(f'{name}-'):
                samples.append((stem, kind, path))
        for _, kind, path in sorted(samples):
            what = {'req': 'request', 'resp': 'response'}[kind]
            yield f'Example of a {what}:'
            yield ''
            yield f'.. literalinclude:: {SAMPLES}/{path.name}'
            yield '   :language: json'
            yield ''


def _head(operation: operations.Operation) -> Iterator[str]:
    yield '.. code-block:: none'
    yield ''
    yield f'   {operation.method} {operation.path}'
    yield ''
    yield from operation.description.splitlines()
    yield ''
    yield f'Status of success: {_status(operation.status)}. Errors: ' + (
        ', '.join(_status(each) for each in sorted(faults.statuses(operation)))
        + '.'
    )
    yield ''
    rules = ', '.join(f'``{name}``' for name in _rules(operation))
    if rules:
        yield f':doc:`Policies </configuration/policy>`: {rules}.'
        yield ''


def _rules(operation: operations.Operation) -> Iterator[str]:
    """List the names of the policies that name an operation."""
    path = operation.path
    if operation.action:
        path += f' ({operation.action})'
    sought = (operation.method, _without_names(path))
    for rule in policies.list_rules():
        for each in rule.operations:
            if (each['method'], _without_names(each['path'])) == sought:
                yield rule.name


def _without_names(path: str) -> str:
    """Leave the names of its variables out of a path."""
    return re.sub(r'{\w+}', '{}', path)


def _status(status: int) -> str:
    return f'{status} {HTTPStatus(status).phrase}'


Row = tuple[str, str, str, str]


def _parameters(operation: operations.Operation) -> list[Row]:
    rows: list[Row] = [
        (name, 'path', 'string', meaning)
        for name, meaning in operation.variables.items()
    ]
    query = operation.query or {'properties': {}}
    for name, values in query['properties'].items():
        schema = values['items']
        text = _text(schema) or _text(values)
        rows.append((name, 'query', _type(schema), text))
    for values in query.get('patternProperties', {}).values():
        schema = values['items']
        rows.append(('*', 'query', _type(schema), _text(schema)))
    return rows + list(_fields(operation.body))


def _fields(schema: Any, prefix: str = '', name: str = '') -> Iterator[Row]:
    """List the fields of a body, those in others behind their names."""
    if not schema or schema == {'type': 'null'}:
        return
    if 'oneOf' in schema:
        schema = schema['oneOf'][0]
    kinds = schema['type']
    if 'array' in ([kinds] if isinstance(kinds, str) else kinds):
        yield from _fields(schema['items'], f'{prefix}[]')
        return
    if kinds != 'object':
        return
    required = schema.get('required', ())
    for key, value in (
        schema['properties'].items() if ('properties' in schema) else ()
    ):
        path = f'{prefix}.{key}' if prefix else key
        place = 'body' if key in required else 'body, optional'
        yield path, place, _type(value), _text(value)
        yield from _fields(value, path)


def _type(schema: Any) -> str:
    kind = schema.get('type', 'string')
    text = kind if isinstance(kind, str) else ' or '.join(kind)
    if 'format' in schema:
        text += f', {schema["format"]}'
    return text


def _text(schema: Any) -> str:
    text = schema.get('description', '')
    if 'enum' in schema:
        values = ', '.join(f'``{value}``' for value in schema['enum'])
        text = f'{text} One of {values}.'.strip()
    return text


def _table(title: str, rows: list[Row]) -> Iterator[str]:
    if not rows:
        return
    yield f'.. list-table:: {title}'
    yield '   :header-rows: 1'
    yield '   :widths: 32 12 18 38'
    yield ''
    for row in (('Name', 'In', 'Type', 'Meaning'), *rows):
        for index, cell in enumerate(row):
            bullet = '* -' if index == 0 else '  -'
            code = index == 0 and row[0] != 'Name'
            yield f'   {bullet} {f"``{cell}``" if code else cell}'.rstrip()
    yield ''


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive('pci-api', PciApi)
    return {'parallel_read_safe': True}
