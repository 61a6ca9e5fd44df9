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

"""Regular expressions in RE2 syntax, in bounded time and memory.

PCI flavors come over the API and are matched in the scheduler: RE2 matches in
time linear in the value, for any expression.
"""

from collections.abc import Callable
import functools
import re
from typing import Any

import re2

from pci_ext.i18n import _

#: Bytes that RE2 may use for one expression, compiled program included.
MAX_MEMORY = 256 * 1024

#: Values that one expression remembers the verdict on. Hosts offer few
#: distinct values, and asking RE2 costs 20 times a look in the cache.
REMEMBERED_VALUES = 256

_META = r'\\.+*?()|\[\]{}^$'
_SPECIAL = re.compile(f'[{_META}]')
_LITERAL = re.compile(rf'(?:[^{_META}]|\\[{_META}])*', re.DOTALL)
_ESCAPED = re.compile(r'\\(.)', re.DOTALL)


def escape(text: str) -> str:
    """Return an expression that matches exactly `text`."""
    return _SPECIAL.sub(r'\\\g<0>', text)


def unescape(text: str) -> str | None:
    """Return the only string that `text` matches, or None if not a literal.

    The inverse of `escape`, so that literals need no RE2 at all.
    """
    if not _LITERAL.fullmatch(text):
        return None
    return _ESCAPED.sub(r'\1', text)


def compile_expression(
    text: str, *, ignore_case: bool = False
) -> Callable[[str], bool]:
    """Return a function that tells whether a whole string matches.

    :param text: a regular expression in RE2 syntax
    :param ignore_case: whether `A` and `a` are the same
    :raises ValueError: with a reason to show, if RE2 refuses the expression
    """
    fullmatch = _compile(text, ignore_case).fullmatch

    @functools.lru_cache(maxsize=REMEMBERED_VALUES)
    def matches(value: str) -> bool:
        return fullmatch(value.encode('utf-8', 'surrogatepass')) is not None

    return matches


def compile_search(text: str) -> Callable[[str], bool]:
    """Return a function that tells whether a part of a text matches.

    Case is ignored.

    :param text: a regular expression in RE2 syntax
    :raises ValueError: with a reason to show, if RE2 refuses the expression
    """
    search = _compile(text, ignore_case=True).search
    return lambda value: search(value) is not None


def _compile(text: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    options.never_capture = True
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(text, options)
    except UnicodeEncodeError:
        raise ValueError(_('it is not valid Unicode text.')) from None
    except re2.error as error:
        # RE2 reports in bytes, and may cut its quotation inside a character.
        detail = error.args[0].decode('utf-8', 'replace')
        raise ValueError(
            _('it is not a regular expression in RE2 syntax: %s.') % detail
        ) from None
