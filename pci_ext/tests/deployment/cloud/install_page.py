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

"""Reads the install page.

The steps of the page are its code blocks: lines for a file in INI format, and
commands after a ``$``. The section of a block names the service, and the text
before a block names the file.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import itertools
import os
import re
import textwrap

from pci_ext.tests.deployment.cloud import ini
from pci_ext.tests.deployment.cloud import state_directory

PATH = os.path.join(state_directory.ROOT, 'doc/source/install/index.rst')

#: Sections for a compute host; the last one is not for the controller.
COMPUTE = ('Every service', 'nova-compute')

#: Sections with commands to run.
WITH_COMMANDS = ('Install', 'nova-api', 'Check')

_FILE = re.compile(r'``(nova\.conf|api-paste\.ini)``')
_BLOCK = re.compile(r'\.\. code-block:: (\w+)$')


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block of the page.

    :ivar section: the title of its section
    :ivar language: ``ini`` or ``console``
    :ivar file: name of the file for lines in INI format
    :ivar text: the content of the block
    """

    section: str
    language: str
    file: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Return the commands of a block in the language of a console."""
        return [
            line.removeprefix('$ ')
            for line in self.text.splitlines()
            if line.startswith('$ ')
        ]


def blocks(text: str) -> Iterator[Block]:
    """Return the code blocks of a page, in its order."""
    section, file = '', 'nova.conf'
    lines = text.splitlines()
    for number, (line, following) in enumerate(
        itertools.pairwise([*lines, ''])
    ):
        if line and re.fullmatch(r'([=-])\1+', following):
            section, file = line, 'nova.conf'
        for found in _FILE.finditer(line):
            file = found[1]
        if start := _BLOCK.match(line):
            indented = itertools.takewhile(
                lambda each: not each or each.startswith(' '),
                lines[number + 1 :],
            )
            content = textwrap.dedent('\n'.join(indented)).strip()
            yield Block(section, start[1], file, content + '\n')


def unknown(found: Iterable[Block]) -> list[Block]:
    """Return the blocks that are no step to follow."""
    return [
        block
        for block in found
        if block.language != 'ini'
        and not (
            block.language == 'console' and block.section in WITH_COMMANDS
        )
    ]


def install_script() -> str:
    """Return the commands that install pci_ext, in the folder of its source.

    They share their shell variables.
    """
    return '\n'.join(
        command
        for block in read()
        if block.section == 'Install'
        for command in block.commands
    )


def controller_sections() -> list[str]:
    """Return the sections for the controller."""
    return [each.section for each in read() if each.section != COMPUTE[-1]]


def enable(
    state: state_directory.State,
    text: str,
    sections: Iterable[str],
    file: str = 'nova.conf',
) -> str:
    """Return the text of a file with the lines of sections of the page."""
    database = f'127.0.0.1:{state.port("mariadb")}'
    account = f'{state.passwords["pci_ext"]}@{database}'
    for block in read():
        if (
            block.language == 'ini'
            and block.file == file
            and block.section in sections
        ):
            added = block.text.replace('PASSWORD@controller', account)
            # The page says: "in place of the section of the same name".
            text = ini.merge(text, added, whole=file == 'api-paste.ini')
    return text


def read() -> list[Block]:
    with open(PATH, encoding='utf-8') as stream:
        return list(blocks(stream.read()))
