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
"""Seam: Placement is asked for some hosts only.

Nova asks once, and Placement answers with the first
``[scheduler] max_placement_results`` candidates. It does not know the devices
of their hosts.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
from typing import Any

from nova import context as nova_context
from nova.scheduler import utils
from nova.scheduler.client import report

from pci_ext import exception
from pci_ext.activation import seam

#: Hosts of one query: its URL has the uuid of an aggregate for each, and uwsgi
#: takes headers and URL of 4 KB by default.
QUERY_SIZE = 50

# Attribute of a ResourceRequest.
_CANDIDATES = 'pci_ext_candidates'

_get = report.SchedulerReportClient.get_allocation_candidates


@dataclasses.dataclass(frozen=True)
class Candidates:
    """The hosts to ask for.

    :ivar aggregates: their own aggregates, of the best host first
    :ivar has_more: whether some of the hosts may not be in theirs
    :ivar are_most: whether one answer may have room for all hosts
    """

    aggregates: Sequence[str]
    has_more: bool
    are_most: bool


def can_restrict(resources: 'utils.ResourceRequest') -> bool:
    """Tell whether Placement accepts a condition: not without resources."""
    group = resources._rg_by_id.get(None)
    return group is not None and bool(group.resources)


def restrict(
    resources: 'utils.ResourceRequest', candidates: Candidates
) -> None:
    """Let the query for resources be only for some hosts."""
    setattr(resources, _CANDIDATES, candidates)


def get_allocation_candidates(
    self: 'report.SchedulerReportClient',
    context: nova_context.RequestContext,
    resources: 'utils.ResourceRequest',
) -> Any:
    """Ask for a part of the hosts at a time, until there are enough.

    :returns: as Nova's method; None, or three of it, if a query fails
    """
    candidates: Candidates | None = getattr(resources, _CANDIDATES, None)
    limit: int | None = resources._limit
    result: Any
    if candidates is None:
        return _get(self, context, resources)
    if candidates.are_most:
        result = _get(self, context, resources)
        if not result or limit is None or len(result[0] or ()) < limit:
            return result
    found: list[Any] = []
    summaries: dict[str, Any] = {}
    start = 0
    while start < len(candidates.aggregates):
        # Of more hosts than it may name Placement would leave out the best.
        room = None if limit is None else limit - len(found)
        end = start + min(QUERY_SIZE, room or QUERY_SIZE)
        with _only_in(resources, candidates.aggregates[start:end], room):
            result = _get(self, context, resources)
        start = end
        if not result or result[0] is None:
            return result
        found += result[0]
        summaries |= result[1]
        if len(found) == limit:
            return found, summaries, result[2]
    if candidates.has_more or not found:
        # A provider of shared storage is in no aggregate of a host.
        result = _get(self, context, resources)
        if not result or result[0] is None:
            return result
        found += result[0]
        summaries |= result[1]
    return found, summaries, result[2]


@contextlib.contextmanager
def _only_in(
    resources: 'utils.ResourceRequest',
    aggregates: Sequence[str],
    limit: int | None,
) -> Iterator[None]:
    """Require one of some aggregates, besides those that Nova requires."""
    group: Any = resources._rg_by_id[None]
    required, whole_limit = group.aggregates, resources._limit
    group.aggregates = [*required, list(aggregates)]
    resources._limit = limit
    try:
        yield
    finally:
        group.aggregates = required
        resources._limit = whole_limit


class _Seam(seam.Seam):
    """A seam that also checks the attributes of a ResourceRequest."""

    def check(self) -> None:
        super().check()
        expected = {'_limit', '_rg_by_id'}
        found = vars(utils.ResourceRequest()).keys()
        if not expected <= found:
            raise exception.SeamChanged(
                seam='nova.scheduler.utils.ResourceRequest',
                expected=f'attributes {", ".join(sorted(expected))}',
                found=', '.join(sorted(found)),
            )


SEAM = _Seam(
    module='nova.scheduler.client.report',
    name='SchedulerReportClient.get_allocation_candidates',
    replacement=get_allocation_candidates,
    signatures={'': ('self', 'context', 'resources')},
)
