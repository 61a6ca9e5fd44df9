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

"""The methods that nova-compute serves for pci_ext."""

import inspect
import types
from typing import Any

from nova import context as nova_context
from nova import test

from pci_ext.compute import endpoint
from pci_ext.compute import rpcapi


def public_methods(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith('_')
    }


class EndpointTestCase(test.NoDBTestCase):
    def test_serves_the_methods_of_the_client_only(self) -> None:
        served = public_methods(endpoint.Endpoint)
        called = public_methods(rpcapi.ComputeAPI)
        self.assertEqual(set(called), set(served))
        for name, signature in called.items():
            # The client sends the host as the server of the message.
            sent = set(signature.parameters) - {'host'}
            self.assertEqual(sent, set(served[name].parameters), name)

    def test_serves_the_version_of_the_client(self) -> None:
        target = endpoint.Endpoint.target
        self.assertEqual('pci_ext', target.namespace)
        self.assertEqual('1.0', target.version)


class ClientTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.context = nova_context.RequestContext()
        self.instance: Any = types.SimpleNamespace(host='host')
        self.sent: list[tuple[dict[str, Any], dict[str, Any]]] = []

        def send(
            transport: object,
            target: object,
            context: object,
            message: dict[str, Any],
            **options: Any,
        ) -> None:
            self.sent.append((message, options))

        self.stub_out('oslo_messaging.transport.Transport._send', send)

    def send_calls(self) -> None:
        client = rpcapi.ComputeAPI()
        client.attach_pci(self.context, self.instance, 'operation', [])
        client.detach_pci(self.context, self.instance, 'operation', [])
        client.reattach_pci(self.context, self.instance, 'operation')

    def test_waits_for_a_busy_host_as_long_as_nova(self) -> None:
        self.flags(long_rpc_timeout=1000, rpc_response_timeout=7)
        self.send_calls()
        self.assertEqual(
            [(1000, 7)] * 3,
            [
                (options['timeout'], options['call_monitor_timeout'])
                for _, options in self.sent
            ],
        )

    def test_hosts_of_this_release_serve_the_next(self) -> None:
        self.stub_out('pci_ext.compute.rpcapi.VERSION', '1.1')
        self.send_calls()
        client = rpcapi.ComputeAPI()
        client.release_claims(self.context, self.instance, 'host', 1)
        client.retry_reattach(self.context, self.instance, 'host')
        self.assertEqual(
            ['1.0'] * 5, [message['version'] for message, _ in self.sent]
        )
