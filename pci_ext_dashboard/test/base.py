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

"""The test case of the dashboard."""

import re
from typing import Any
from urllib import parse

from lxml import html
from openstack_dashboard.test import helpers
import requests_mock

from pci_ext_dashboard.test import fake_api

#: Roles that keystone gives with the first of them.
ROLES = {
    'reader': ['reader'],
    'member': ['member', 'reader'],
    'admin': ['admin', 'manager', 'member', 'reader'],
}

#: The compute service in the catalog of Horizon's tests.
COMPUTE = 'http://public.nova.example.com:8774/v2'


def shown_text(response: Any) -> str:
    """Return the text of a page, without the parts that all pages have."""
    [content] = html.document_fromstring(response.content).xpath(
        '//div[@id="content_body"] | //body[not(//div[@id="content_body"])]'
    )
    for each in content.xpath('.//script'):
        each.drop_tree()
    return ' '.join(content.text_content().split())


def find(response: Any, path: str) -> Any:
    """Return the elements of a page at an XPath."""
    return html.document_fromstring(response.content).xpath(path)


def messages_of(response: Any) -> list[str]:
    """Return the messages that a page has, or the next one will have."""
    stored = response.wsgi_request._messages
    return [
        str(each)
        for each in [*stored._loaded_messages, *stored._queued_messages]
    ]


class DashboardTestCase(helpers.TestCase):
    """Pages, as one user or another, on a fake API.

    :ivar api: the fake API
    """

    def setUp(self) -> None:
        super().setUp()
        self.api = fake_api.FakeApi(self.tenant.id)
        self.log_in_as('member')
        http = requests_mock.Mocker()
        http.start()
        self.addCleanup(http.stop)
        http.register_uri(
            requests_mock.ANY,
            re.compile(re.escape(COMPUTE)),
            json=self._answer,
        )

    def log_in_as(self, role: str) -> None:
        """Continue as a user with a role, and those that it implies."""
        names = ROLES.get(role, [role])
        self.api.roles = names
        self._setup_user(roles=[{'id': name, 'name': name} for name in names])

    def _answer(self, request: Any, context: Any) -> Any:
        self.assertEqual(self.token.id, request.headers['X-Auth-Token'])
        # The parsed URL of requests_mock is in lower case.
        url = parse.urlsplit(request.url)
        context.status_code, body = self.api.answer(
            fake_api.Call(
                request.method,
                parse.unquote(url.path.removeprefix('/v2')),
                parse.parse_qsl(url.query),
                request.json() if request.body else None,
            )
        )
        context.headers['x-openstack-request-id'] = 'req-1'
        return body

    def assert_nothing_refused(self) -> None:
        """Check that the API refused nothing that a page asked for."""
        for call in self.api.calls:
            calls = len(self.api.calls)
            status, _body = self.api.answer(call)
            del self.api.calls[calls:]
            self.assertNotEqual(403, status, call)

    def assert_shows(self, response: Any, *expected: str) -> None:
        """Check that texts are in the page of a response, in their order."""
        rest = shown_text(response)
        for text in expected:
            _before, found, rest = rest.partition(text)
            if not found:
                self.fail(
                    f'{text!r} is not in {shown_text(response)!r}, with the '
                    f'messages {messages_of(response)}'
                )

    def assert_shows_none(self, response: Any, *unexpected: str) -> None:
        """Check that texts are not in the page of a response."""
        text = shown_text(response)
        for each in unexpected:
            self.assertNotIn(each, text)

    def assert_has_messages(self, response: Any, *expected: str) -> None:
        """Check the messages that are shown with a response."""
        self.assertEqual(list(expected), messages_of(response))
