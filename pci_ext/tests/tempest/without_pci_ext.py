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

"""The all-in-one with Nova alone: without the line that activates pci_ext."""

from pci_ext.cmd import allinone
from pci_ext.cmd.allinone import config

#: Lines of nova.conf, and the lines in their place. The driver is the one that
#: pci_ext.FakeDriver adds devices to.
REPLACED = {
    '\ndriver = pci_ext\n': '\n',
    'compute_driver = pci_ext.FakeDriver\n': (
        'compute_driver = fake.FakeDriverWithoutFakeNodes\n'
    ),
    (
        'weight_classes = nova.scheduler.weights.all_weighers,'
        'pci_ext.scheduler.weights.all_weighers\n'
    ): '',
}

_write = config.write


def write(settings: config.Settings) -> None:
    """Write the configuration files.

    :raises LookupError: if nova.conf lacks a line to replace
    """
    _write(settings)
    path = settings.path('nova.conf')
    with open(path, encoding='utf-8') as stream:
        text = stream.read()
    for lines, others in REPLACED.items():
        if lines not in text:
            raise LookupError(lines)
        text = text.replace(lines, others)
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(text)


if __name__ == '__main__':
    config.write = write
    allinone.main()
