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

"""Evaluations: the hosts that can serve a request for PCI flavors.

Only devices are compared, by the code of the scheduler. Other filters, NUMA
and aliases are left to the scheduler.
"""

from collections import Counter
from collections import defaultdict
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from nova.api import validation
from nova.api.openstack import wsgi

from pci_ext.api import errors
from pci_ext.api import policy
from pci_ext.api import response_schema
from pci_ext.api.inventory import capacity
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.api.schemas import evaluations as schema
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.matching import explanation
from pci_ext.matching import grouping
from pci_ext.matching import request_grammar
from pci_ext.policies import pci_flavors as policies
from pci_ext.requests import from_flavor

View = dict[str, Any]


@validation.validated
class EvaluationsController(wsgi.Controller):
    @wsgi.response(200)
    @wsgi.expected_errors((400, 503))
    @validation.schema(schema.create)
    @response_schema.response_body_schema(schema.create_response)
    def create(self, req: wsgi.Request, body: View) -> View:
        """Evaluate a request in the form of the extra spec."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.EVALUATE, target={})
        text = body['evaluate']['request']
        with errors.as_http():
            resolved = from_flavor.resolve({from_flavor.PCI_FLAVOR: text})
        requests = request_grammar.parse_requests(text)
        compiled = compiled_requests.CompiledRequests(
            [
                compiled_requests.compile_request(item['count'], item['spec'])
                for item in resolved
            ]
        )
        found, groups = reader.read_pools_and_groups(context)
        groups_of = by_host(groups)
        evaluator = Evaluator(compiled, requests)
        return {
            'evaluation': {
                'request': request_grammar.format_requests(requests),
                'hosts': [
                    evaluator.evaluate(host, pools, groups_of[host])
                    for host, pools in sorted(
                        found.hosts, key=lambda node: node[0]
                    )
                ],
                'cells_down': list(found.cells_down),
            }
        }


def by_host(
    groups: Iterable[model.DeviceGroup],
) -> Mapping[str, list[model.DeviceGroup]]:
    """Return groups of devices by the name of their host."""
    groups_of = defaultdict(list)
    for group in groups:
        groups_of[group.host].append(group)
    return groups_of


class Evaluator:
    """Evaluates hosts for the requests of one server.

    A cloud has many hosts of few kinds: equal ones are evaluated once.

    :param compiled: the requests
    :param requests: the same, with the names of their alternatives
    """

    def __init__(
        self,
        compiled: compiled_requests.CompiledRequests,
        requests: Sequence[request_grammar.Request],
    ) -> None:
        self._compiled = compiled
        self._requests = requests
        self._budget = exclusion.Budget()
        self._views: dict[Hashable, View] = {}

    def evaluate(
        self,
        host: str,
        pools: Sequence[model.Pool],
        groups: Iterable[model.DeviceGroup],
    ) -> View:
        """Evaluate a host.

        :param groups: its devices
        :returns: a view that shares its values with those of equal hosts
        """
        groups = list(groups)
        kind = (
            tuple(frozenset(pool.reported.items()) for pool in pools),
            frozenset(
                Counter(
                    (frozenset(group.pool.items()), group.status, group.number)
                    for group in groups
                ).items()
            ),
        )
        if kind not in self._views:
            self._views[kind] = self._evaluate(pools, groups)
        return {'host': host, **self._views[kind]}

    def _evaluate(
        self,
        pools: Sequence[model.Pool],
        groups: Iterable[model.DeviceGroup],
    ) -> View:
        requests = self._requests
        reported = grouping.selectable([pool.reported for pool in pools])
        explained = explanation.explain(self._compiled, reported, self._budget)
        totals = capacity.count_matching(self._compiled, groups)
        return {
            'fits': explained.fits,
            'explanation': explanation.to_text(
                explained, requests, reported, totals
            ),
            'assignment': [
                {
                    'request': str(requests[taken.request]),
                    'pci_flavor': requests[taken.request].alternatives[
                        taken.alternative
                    ],
                    'count': taken.count,
                    'pool': pools[taken.pool].properties,
                }
                for taken in (explained.taken if explained.fits else ())
            ],
            'requests': [
                {
                    'request': str(request),
                    'count': request.count,
                    'found': count,
                    'matching': matching,
                    'total': total,
                }
                for request, count, matching, total in zip(
                    requests,
                    explained.found,
                    explained.matching,
                    totals,
                    strict=True,
                )
            ],
        }
