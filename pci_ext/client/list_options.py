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

"""Options of the commands that list pools and devices."""

import argparse
from collections.abc import Callable
from collections.abc import Mapping
import logging
from typing import Any

from osc_lib import exceptions
from osc_lib.cli import parseractions

from pci_ext.client import api_client

LOG = logging.getLogger(__name__)

#: Parameters of all lists in the API that are no attributes of devices.
_PARAMETERS = frozenset(
    ('flavor', 'host', 'limit', 'marker', 'sort_dir', 'sort_key')
)

#: Formatters of values, by the key in the body of the API.
Formatters = Mapping[str, Callable[[Any], Any]]


def add_page_options(
    parser: argparse.ArgumentParser, items: str, sort_keys: tuple[str, ...]
) -> None:
    """Add the options to sort and page, as `add_options` does."""
    parser.add_argument(
        '--sort',
        metavar='<key>[:<direction>]',
        help=(
            'Sort by keys and directions (asc or desc, default: asc), '
            f'separated by commas. Keys are {", ".join(sort_keys)}'
        ),
    )
    parser.add_argument(
        '--limit',
        metavar=f'<num-{items}>',
        type=int,
        action=parseractions.NonNegativeAction,
        help=f'Maximum number of {items} to list (default: all)',
    )
    parser.add_argument(
        '--marker',
        metavar='<id>',
        help=f'List the {items} that come after this one, the last of a page',
    )


def add_options(
    parser: argparse.ArgumentParser, items: str, sort_keys: tuple[str, ...]
) -> None:
    """Add the options to filter, sort and page.

    :param items: name of the listed items
    :param sort_keys: by which the API can sort
    """
    parser.add_argument(
        '--host', metavar='<host>', help=f'List only {items} of this host'
    )
    parser.add_argument(
        '--flavor',
        metavar='<pci-flavor>',
        help=f'List only {items} that match this PCI flavor (name or ID)',
    )
    parser.add_argument(
        '--property',
        metavar='<key=pattern>',
        dest='properties',
        action=parseractions.KeyValueAction,
        help=(
            f'List only {items} whose attribute <key> matches <pattern>: '
            'vendor_id, product_id, dev_type, numa_node, an attribute of the '
            'operator or another that hosts group by (repeat option for '
            'several, all of which have to match)'
        ),
    )
    add_page_options(parser, items, sort_keys)
    parser.add_argument(
        '--long', action='store_true', help='List additional fields'
    )


def query_of(parsed_args: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the query parameters of a list, except the limit.

    :raises CommandError: if a direction has no key, or a property has the
        name of another parameter
    """
    query = []
    properties = getattr(parsed_args, 'properties', None) or {}
    for key, pattern in properties.items():
        if key in _PARAMETERS:
            raise exceptions.CommandError(
                f"'{key}' is no property: see --help for the options."
            )
        query.append((key, pattern))
    for key in ('host', 'flavor', 'status', 'uuid', 'address', 'marker'):
        value = getattr(parsed_args, key, None)
        if value is not None:
            query.append((key, value))
    for item in (parsed_args.sort or '').split(','):
        key, _, direction = item.partition(':')
        if key:
            query += [('sort_key', key), ('sort_dir', direction or 'asc')]
        elif direction:
            raise exceptions.CommandError(
                f"There is no key to sort by in '{item}'."
            )
    return query


def rows_of(
    page: api_client.Page, keys: tuple[str, ...], formatters: Formatters
) -> tuple[tuple[Any, ...], ...]:
    """Return the rows of a table; warn if it is not complete."""
    if page.cells_down:
        LOG.warning(
            'The list is not complete: the cells %s do not answer.',
            ', '.join(page.cells_down),
        )
    return tuple(cells_of(item, keys, formatters) for item in page.items)


def cells_of(
    item: api_client.Body, keys: tuple[str, ...], formatters: Formatters
) -> tuple[Any, ...]:
    """Return the values of an item under some keys, formatted."""
    return tuple(
        formatters[key](item[key]) if key in formatters else item[key]
        for key in keys
    )
