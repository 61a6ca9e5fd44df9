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
