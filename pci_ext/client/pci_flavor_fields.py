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

"""The fields of PCI flavors, as options and as columns of commands."""

import argparse
from collections.abc import Callable
from typing import Any

from osc_lib.cli import format_columns
from osc_lib.cli import parseractions

_LIVE_MIGRATION = ('forbid', 'hotplug', 'native')

#: Columns by key in the bodies of the API, in the order they are shown.
COLUMNS = {
    'uuid': 'ID',
    'name': 'Name',
    'description': 'Description',
}
LONG_COLUMNS = {
    **COLUMNS,
    'is_public': 'Is Public',
    'live_migration': 'Live Migration',
    'specs': 'Properties',
    'usage': 'Usage',
}
#: Fields of one PCI flavor; the available attributes have only some.
_FIELDS = {
    'uuid': 'id',
    'name': 'name',
    'description': 'description',
    'is_public': 'is_public',
    'projects': 'access_project_ids',
    'live_migration': 'live_migration',
    'specs': 'properties',
    'created_at': 'created_at',
    'updated_at': 'updated_at',
    'usage': 'usage',
}

#: Fields that are no single value; not all users may see the usage.
_FORMATTERS: dict[str, Callable[[Any], Any]] = {
    'specs': format_columns.DictColumn,
    'usage': lambda value: format_columns.DictColumn(value or {}),
    'projects': format_columns.ListColumn,
}

#: Names and values of the fields of a PCI flavor.
Fields = tuple[tuple[str, ...], tuple[Any, ...]]


def add_flavor_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a PCI flavor."""
    parser.add_argument(
        'pci_flavor',
        metavar='<pci-flavor>',
        help='PCI flavor (name or ID)',
    )


def add_value_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that set the fields of a PCI flavor."""
    parser.add_argument(
        '--description',
        metavar='<description>',
        help='Description for users; an empty one removes it',
    )
    access = parser.add_mutually_exclusive_group()
    access.add_argument(
        '--public',
        dest='is_public',
        action='store_true',
        default=None,
        help='All projects can use the PCI flavor',
    )
    access.add_argument(
        '--private',
        dest='is_public',
        action='store_false',
        default=None,
        help='Only projects with access can use the PCI flavor',
    )
    parser.add_argument(
        '--live-migration',
        choices=_LIVE_MIGRATION,
        help=(
            'What a live migration does with its devices: forbid (not '
            'possible), hotplug (detach and attach again), or native (the '
            'hypervisor migrates their state)'
        ),
    )
    parser.add_argument(
        '--property',
        metavar='<key=pattern>',
        dest='properties',
        action=parseractions.KeyValueAction,
        help=(
            'Select devices whose attribute <key> matches <pattern>: a '
            'literal, a regular expression, or * for any value (repeat option '
            'for several, all of which have to match)'
        ),
    )


def given_values(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """Return the given options as fields of the API."""
    values = {
        'name': parsed_args.name,
        'description': parsed_args.description,
        'is_public': parsed_args.is_public,
        'live_migration': parsed_args.live_migration,
        'specs': parsed_args.properties,
    }
    given = {key: value for key, value in values.items() if value is not None}
    if given.get('description') == '':
        given['description'] = None
    return given


def cell(flavor: dict[str, Any], key: str) -> Any:
    """Return the value of a column of a PCI flavor."""
    value = flavor.get(key)
    return _FORMATTERS[key](value) if key in _FORMATTERS else value


def fields_of(flavor: dict[str, Any]) -> Fields:
    """Return all fields of a PCI flavor that it has."""
    known = [key for key in _FIELDS if key in flavor]
    return (
        tuple(_FIELDS[key] for key in known),
        tuple(cell(flavor, key) for key in known),
    )
