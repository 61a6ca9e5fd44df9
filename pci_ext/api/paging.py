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

"""Sort lists and cut them into pages, as the APIs of Nova do.

Items of several cells come from several databases. They are sorted here, in
the same way for every database and its collation.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar
from urllib import parse

from nova.api.openstack import common
from nova.api.openstack import wsgi
from oslo_config import cfg
import webob.exc

from pci_ext.i18n import _

CONF = cfg.CONF

_Item = TypeVar('_Item')


def order_of(
    request: wsgi.Request, default_keys: Sequence[str]
) -> tuple[tuple[str, bool], ...]:
    """Return the sort keys of a request, each with whether it descends.

    :raises webob.exc.HTTPBadRequest: if there are more directions than keys
    """
    sort_keys, sort_dirs = common.get_sort_params(
        request.params, default_key=None, default_dir=None
    )
    if len(sort_dirs) > max(len(sort_keys), 1):
        raise webob.exc.HTTPBadRequest(
            explanation=_('There are more sort_dir than sort_key.')
        )
    order = sort_keys or list(default_keys)
    # As in Nova, the first direction is that of the keys without one.
    directions = sort_dirs or ['asc']
    directions += directions[:1] * (len(order) - len(directions))
    return tuple(
        (key, direction == 'desc')
        for key, direction in zip(order, directions, strict=True)
    )


def page(
    request: wsgi.Request,
    items: Sequence[_Item],
    keys: Mapping[str, Callable[[_Item], Any]],
    uuid_of: Callable[[_Item], str],
    default_keys: Sequence[str],
    find: Callable[[str], Iterable[_Item]],
) -> list[_Item]:
    """Return the page of a list that a request selects.

    :param keys: functions of an item, by sort key
    :param uuid_of: returns the uuid of an item, which is the last sort key
        and the marker
    :param find: finds the item with a uuid, whether or not it passes the
        filters of the list: the marker may have changed since it was listed
    :raises webob.exc.HTTPBadRequest: if there is no item with the uuid of the
        marker, or there are more directions than keys
    """
    limit, marker = common.get_limit_and_marker(request)
    order = order_of(request, default_keys)
    ordered = sorted(items, key=uuid_of)
    if marker is not None and all(uuid_of(item) != marker for item in items):
        ordered = sorted([*items, *find(marker)], key=uuid_of)
    # The sort is stable: the last key first.
    for name, descending in reversed(order):
        ordered.sort(key=_none_first(keys[name]), reverse=descending)
    start = 0
    if marker is not None:
        for index, item in enumerate(ordered):
            if uuid_of(item) == marker:
                start = index + 1
                break
        else:
            raise webob.exc.HTTPBadRequest(
                explanation=_('Marker %s could not be found.') % marker
            )
    return ordered[start : start + limit]


def _none_first(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def key(item: Any) -> tuple[bool, Any]:
        value = read(item)
        # None is never compared: the first of the pair decides.
        return (False, 0) if value is None else (True, value)

    return key


def links(
    request: wsgi.Request,
    builder: common.ViewBuilder,
    shown: Sequence[Any],
    below: str = '',
) -> list[dict[str, str]]:
    """Link to the next page, if there may be one.

    Nova's link keeps one value of a parameter, such as of sort keys; this
    link keeps all.

    :param shown: the items of the page as they are shown
    :param below: the path of the list, below that of the resource
    """
    limit, _marker = common.get_limit_and_marker(request)
    if not shown or len(shown) < limit:
        return []
    parameters = [item for item in request.GET.items() if item[0] != 'marker']
    url, _separator, _query = builder._get_next_link(
        request, shown[-1]['uuid'], builder._collection_name + below
    ).partition('?')
    query = parse.urlencode([*parameters, ('marker', shown[-1]['uuid'])])
    return [{'rel': 'next', 'href': f'{url}?{query}'}]
