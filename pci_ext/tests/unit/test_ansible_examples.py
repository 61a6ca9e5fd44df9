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

"""The playbooks of the documentation send requests that the API knows."""

from collections.abc import Iterator
import pathlib
import re
from typing import Any

import jsonschema
from nova.api.openstack.compute import routes as nova_routes
from oslotest import base
import yaml

from pci_ext.api import routes
from pci_ext.api.schemas import pci_flavors
from pci_ext.api.schemas import server_actions

EXAMPLES = pathlib.Path(__file__).parents[3] / 'doc/source/user/examples'

URI = 'ansible.builtin.uri'

#: The endpoint of the compute service in a URL.
ENDPOINT = '{{ compute }}'


def _plays() -> list[dict[str, Any]]:
    return [
        play
        for path in EXAMPLES.glob('*.yaml')
        for play in yaml.safe_load(path.read_text('utf-8'))
    ]


def _tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield from _tasks(task['block']) if 'block' in task else [task]


def _methods(path: str) -> set[str]:
    """Return the methods that a path has in the API."""
    found: set[str] = set()
    for route, methods in (*nova_routes.ROUTE_LIST, *routes.ROUTES):
        pattern = re.sub(r'{\w+}', '[^/]+', route)
        if re.fullmatch(pattern, path):
            found.update(methods)
    return found


class AnsibleExamplesTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.requests = [
            task[URI]
            for play in _plays()
            for task in _tasks(play['tasks'])
            if URI in task
        ]

    def test_every_request_has_a_route(self) -> None:
        self.assertEqual(6, len(self.requests))
        for request in self.requests:
            url = request['url']
            self.assertTrue(url.startswith(ENDPOINT), url)
            path = re.sub('{{.*?}}', 'x', url.removeprefix(ENDPOINT))
            self.assertIn(request.get('method', 'GET'), _methods(path), path)

    def test_pci_flavors_are_valid(self) -> None:
        [listed] = [
            play['vars']['pci_flavors']
            for play in _plays()
            if 'pci_flavors' in play['vars']
        ]
        for pci_flavor in listed:
            jsonschema.validate({'pci_flavor': pci_flavor}, pci_flavors.create)

    def test_actions_are_valid(self) -> None:
        [body] = [
            request['body']
            for request in self.requests
            if request['url'].endswith('/action')
        ]
        jsonschema.validate(body, server_actions.attach_pci)
