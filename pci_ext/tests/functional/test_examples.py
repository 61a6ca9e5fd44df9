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

"""The worked examples of the documentation: real commands and their output.

Each has a hardware file in etc/pci_ext/samples, a configuration and a
transcript in doc/source/admin/examples. The transcript is compared with the
output of its commands. With PCI_EXT_GENERATE_SAMPLES in the environment the
transcript is written.
"""

from collections.abc import Iterator
import os
import pathlib
import re
import shlex

import yaml

from pci_ext.tests.functional import base
from pci_ext.tests.functional import test_api_samples

ROOT = pathlib.Path(__file__).parents[3]

EXAMPLES = ROOT / 'doc/source/admin/examples'

#: The sample with the hardware file of each example.
SAMPLES = {'gpu': 'gpu', 'nic': 'sriov-nic', 'nvme': 'nvme', 'qat': 'crypto'}

INSTRUCTION = (
    f'Run this test with {test_api_samples.GENERATE}=1 in the environment and '
    'commit the file, if the change of the output is intended.'
)


def _hosts() -> dict[str, list[base.Card]]:
    hosts = {}
    for sample in SAMPLES.values():
        path = ROOT / f'etc/pci_ext/samples/{sample}.yaml'
        for host in yaml.load(path.read_text('utf-8'), yaml.BaseLoader)[
            'hosts'
        ]:
            hosts[host['name']] = host['cards']
    return hosts


class TestExamples(base.TestCase):
    HOSTS = _hosts()
    CONFIG = ''.join(
        (EXAMPLES / f'{name}.conf').read_text('utf-8') for name in SAMPLES
    )

    def check_transcript(self, name: str) -> None:
        """Run the commands of a transcript, and compare their output."""
        path = EXAMPLES / f'{name}.txt'
        written = path.read_text('utf-8')
        commands = re.findall(
            r'^\$ openstack ((?:.*\\\n)*.*)$', written, re.MULTILINE
        )
        self.assertTrue(commands, name)
        text = ''
        for command in commands:
            words = shlex.split(command.replace('\\\n', ' '))
            text += f'$ openstack {command}\n'
            text += '\n'.join(self._relevant_lines(self.shell.run(*words)))
            text = f'{text.rstrip()}\n'
        text = self._normalize(text)
        if os.environ.get(test_api_samples.GENERATE):
            path.write_text(text, encoding='utf-8')
            written = text
        self.assertEqual(written, text, f'{path.name} differs. {INSTRUCTION}')

    def _relevant_lines(self, printed: str) -> Iterator[str]:
        """Return the lines of an output, without hosts of other examples."""
        others = tuple(f'| {host} ' for host in self.cloud.other_hosts)
        for line in printed.strip().splitlines():
            if not line.startswith(others):
                yield line.rstrip()

    def _normalize(self, text: str) -> str:
        """Replace uuids and times of this run by constants."""
        uuids = test_api_samples.Uuids()
        text = test_api_samples.UUID.sub(uuids, text)
        return test_api_samples.TIME.sub('2026-01-01T12:00:00Z', text)

    def test_gpu(self) -> None:
        self.check_transcript('gpu')

    def test_nic(self) -> None:
        self.check_transcript('nic')

    def test_nvme(self) -> None:
        self.check_transcript('nvme')

    def test_qat(self) -> None:
        self.check_transcript('qat')
