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

"""The API compared with its own description."""

import json
import os
import subprocess
import tempfile
from typing import Any

from testtools import content

from pci_ext.tests.functional import base

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': [f'0000:{bus:02x}:00.0' for bus in range(1, 5)],
}

#: Random requests for each operation, beside the requests at the limits of its
#: schemas.
MAX_EXAMPLES = 20

#: Seconds; a run usually takes two minutes.
TIMEOUT = 540

CONFIG = """
[dictionaries.known]
values = {known}

[dictionaries.server]
values = {server}

[dictionaries.device]
values = {device}

[dictionaries.dev_id]
values = {dev_id}

[dictionaries.private]
values = ["private"]

[dictionaries.passing]
values = {passing}

[dictionaries.project]
values = {project}

# Existing resources; the other requests have random ids.
[parameters]
"path.device" = {{dictionary = "device", probability = 0.8}}
"path.pci_flavor" = {{dictionary = "known", probability = 0.8}}
"path.server_id" = {{dictionary = "server", probability = 0.8}}
"query.flavor" = {{dictionary = "known", probability = 0.5}}

[[operations]]
include-operation-id-regex = "^server(s|_actions)."
parameters = {{\
"path.server_id" = {{dictionary = "server", probability = 1.0}}, \
"body.detach_pci[*].dev_id" = {{dictionary = "dev_id", probability = 1.0}}\
}}

# These operations need PCI flavors that no other operation uses.
[[operations]]
include-operation-id-regex = "^pci_flavors.(update|delete)$"
parameters = {{\
"path.pci_flavor" = {{dictionary = "passing", probability = 0.8}}\
}}

[[operations]]
include-operation-id = "pci_flavor_access.delete"
parameters = {{\
"path.pci_flavor" = {{dictionary = "private", probability = 1.0}}, \
"path.project_id" = {{dictionary = "project", probability = 1.0}}\
}}
"""

CHECKS = (
    'not_a_server_error',
    'status_code_conformance',
    'content_type_conformance',
    'response_headers_conformance',
    'response_schema_conformance',
)


class TestOpenAPI(base.TestCase):
    HOSTS = {'host-1': [GPU], 'host-2': [GPU]}

    def create(self, path: str, **values: Any) -> None:
        response = self.request('POST', path, values)
        self.assertEqual(201, response.status, response.data)

    def test_every_operation(self) -> None:
        """Each answer conforms to the description and is no server error."""
        passing = [f'passing-{number}' for number in range(40)]
        project = [f'{number:032x}' for number in range(40)]
        for name in ('public', *passing):
            self.create('/os-pci-flavors', pci_flavor={'name': name})
        self.create(
            '/os-pci-flavors',
            pci_flavor={
                'name': 'private',
                'is_public': False,
                'projects': project,
                'specs': {'vendor_id': '10de'},
            },
        )
        server = self.boot('2:private')
        devices = self.request('GET', '/os-pci-devices').json()['pci_devices']
        config = CONFIG.format(
            known=json.dumps(['private', 'public', '0']),
            server=json.dumps([server]),
            device=json.dumps([device['uuid'] for device in devices]),
            dev_id=json.dumps(
                [
                    device['dev_id']
                    for device in devices
                    if device['server_uuid'] == server
                ]
            ),
            passing=json.dumps(passing),
            project=json.dumps(project),
        )
        # schemathesis writes files into its current folder.
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'schemathesis.toml')
            with open(path, 'w', encoding='utf-8') as stream:
                stream.write(config)
            run = subprocess.run(
                [
                    *('schemathesis', '--no-color', '--config-file', path),
                    *('run', '--checks', ','.join(CHECKS)),
                    *('--phases', 'coverage,fuzzing', '--seed', '1'),
                    *('--max-examples', str(MAX_EXAMPLES)),
                    *('--suppress-health-check', 'all'),
                    *('--continue-on-failure', '--generation-database=none'),
                    *('--header', 'X-Auth-Token: admin'),
                    f'{self.allinone.url}/compute/v2.1/os-pci/openapi.json',
                ],
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT,
            )
        self.addDetail('schemathesis', content.text_content(run.stdout))
        self.assertEqual(0, run.returncode, 'see the detail schemathesis')
