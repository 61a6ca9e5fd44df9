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

"""Merges lines into the text of a configuration file."""

import re

_SECTION = re.compile(r'\[(.+)\]\s*$')
_OPTION = re.compile(r'([^#;\s\[][^=:]*?)\s*[=:]')

#: The lines of each option by section; an option can occur several times.
Sections = dict[str, dict[str, list[str]]]


def parse(text: str) -> Sections:
    """Return the lines of a text by section and option."""
    sections: Sections = {}
    current: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if section := _SECTION.match(line):
            current = sections.setdefault(section[1], {})
        elif option := _OPTION.match(line):
            lines = current.setdefault(option[1], [])
            lines.append(line)
        elif line.startswith((' ', '\t')) and lines:
            lines[-1] += f'\n{line}'
    return sections


def merge(text: str, additions: str, *, whole: bool = False) -> str:
    """Return a text with options added or replaced.

    Other lines remain, except the comments of changed sections.

    :param whole: replace whole sections instead of options
    """
    changes = parse(additions)
    parts = re.split(r'(?m)^(?=\[)', text)
    for number, part in enumerate(parts):
        section = _SECTION.match(part.partition('\n')[0])
        if section and section[1] in changes:
            name = section[1]
            before = {} if whole else parse(part)[name]
            options = before | changes.pop(name)
            parts[number] = render({name: options}) + '\n'
    return ''.join(parts) + '\n' + render(changes)


def render(sections: Sections) -> str:
    """Return the text of sections."""
    return '\n'.join(
        f'[{name}]\n'
        + ''.join(f'{line}\n' for lines in options.values() for line in lines)
        for name, options in sections.items()
    )
