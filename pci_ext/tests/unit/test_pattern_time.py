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

"""The time that regular expressions take.

Python's ``re`` tries every way to match a text, and holds the interpreter
lock meanwhile: one expression with many ways stops all threads of nova-api.

Each expression is translated into a finite automaton, and the automaton is
searched for a text with several ways, which can be repeated. That proves the
expression for all texts and does not depend on the speed of the machine, as
measured times of chosen texts would. That an expression compiles with RE2
proves nothing: jsonschema matches it with ``re``.

Criteria: A. Weber, H. Seidl, "On the degree of ambiguity of finite automata",
1991. Two ways from a state back to itself double with each repetition. Two
loops that one text can change between make the time quadratic.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
import importlib
import itertools
import pkgutil
import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
import types
from typing import Any

from oslotest import base

from pci_ext import api
from pci_ext import matching
from pci_ext import virt
from pci_ext.api import extra_specs
from pci_ext.api import schemas
from pci_ext.conf import opts

_CATEGORIES = {
    sre.CATEGORY_DIGIT: r'\d',
    sre.CATEGORY_NOT_DIGIT: r'\D',
    sre.CATEGORY_SPACE: r'\s',
    sre.CATEGORY_NOT_SPACE: r'\S',
    sre.CATEGORY_WORD: r'\w',
    sre.CATEGORY_NOT_WORD: r'\W',
}

# One of each category, at least.
_SAMPLES = ' \n0a_.é\ud800'

_Ways = dict[int, Counter[int]]


class Automaton:
    """A regular expression as a finite automaton.

    A bounded repetition of more than one is taken for an unbounded one. An
    assertion is taken for an alternative with no end.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._empty: dict[int, list[int]] = {}
        self._steps: dict[int, tuple[Any, int]] = {}
        self._count = itertools.count()
        self._flags = flags
        self._characters = set(_SAMPLES)
        parsed = list(_parser.parse(pattern, flags))
        start = next(self._count)
        inner = start
        if not (parsed and parsed[0] in _BEGINNINGS):
            # It may match from any character on.
            inner = next(self._count)
            self._link(start, inner)
            self._steps[inner] = ((sre.ANY, None), inner)
            inner = self._branch(inner)
        self._build(parsed, inner)
        self.ways = {
            character: self._ways(character)
            for character in sorted(self._characters)
        }

    def _link(self, source: int, target: int) -> None:
        self._empty.setdefault(source, []).append(target)

    def _branch(self, source: int) -> int:
        state = next(self._count)
        self._link(source, state)
        return state

    def _build(self, items: Iterable[Any], state: int) -> int:
        """Add states for a sequence; return the last of them."""
        for operation, argument in items:
            if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                state = self._repeat(argument, state)
            elif operation is sre.SUBPATTERN:
                state = self._build(argument[-1], state)
            elif operation is sre.BRANCH:
                ends = [
                    self._build(each, self._branch(state))
                    for each in argument[1]
                ]
                state = next(self._count)
                for end in ends:
                    self._link(end, state)
            elif operation in (sre.ASSERT, sre.ASSERT_NOT):
                self._build(argument[1], self._branch(state))
                state = self._branch(state)
            elif operation is sre.AT:
                state = self._branch(state)
            elif operation in _CHARACTERS:
                self._characters.update(_bounds(operation, argument))
                step = self._branch(state)
                state = next(self._count)
                self._steps[step] = ((operation, argument), state)
            else:
                raise NotImplementedError(operation)
        return state

    def _repeat(self, argument: Any, state: int) -> int:
        least, most, body = argument
        begin = self._branch(state)
        end = self._build(body, begin)
        if most > 1:
            self._link(end, begin)
        after = self._branch(end)
        if least == 0:
            self._link(state, after)
        return after

    def _ways(self, character: str) -> _Ways:
        """Count, for each pair of steps, the ways over a character."""
        return {
            state: Counter(self._reach(target, frozenset()))
            for state, (test, target) in self._steps.items()
            if self._accepts(test, character)
        }

    def _reach(self, state: int, passed: frozenset[int]) -> Iterator[int]:
        """List the next steps, once for each way without a loop."""
        if state in self._steps:
            yield state
        for target in self._empty.get(state, ()):
            if target not in passed:
                yield from self._reach(target, passed | {state})

    def _accepts(self, test: Any, character: str) -> bool:
        if not self._flags & re.IGNORECASE:
            return _matches(*test, character)
        return any(
            _matches(*test, each)
            for each in {character, character.lower(), character.upper()}
            if len(each) == 1
        )


_CHARACTERS = (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)
_BEGINNINGS = ((sre.AT, sre.AT_BEGINNING), (sre.AT, sre.AT_BEGINNING_STRING))


def _bounds(operation: Any, argument: Any) -> Iterator[str]:
    """List characters on both sides of each bound in a test."""
    if operation is sre.IN:
        for each in argument:
            yield from _bounds(*each)
    elif operation in (sre.LITERAL, sre.NOT_LITERAL, sre.RANGE):
        for code in argument if operation is sre.RANGE else (argument,):
            yield from map(chr, (max(0, code - 1), code, code + 1))


def _matches(operation: Any, argument: Any, character: str) -> bool:
    if operation is sre.ANY:
        # As with DOTALL, which has more ways.
        return True
    if operation is sre.LITERAL:
        return bool(ord(character) == argument)
    if operation is sre.NOT_LITERAL:
        return bool(ord(character) != argument)
    if operation is sre.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    if operation is sre.CATEGORY:
        return re.match(_CATEGORIES[argument], character) is not None
    if argument[0][0] is sre.NEGATE:
        return not any(_matches(*each, character) for each in argument[1:])
    return any(_matches(*each, character) for each in argument)


def _closure(
    automaton: Automaton, start: tuple[int, ...]
) -> set[tuple[int, ...]]:
    """List the states that copies of an automaton reach on one text."""
    found: set[tuple[int, ...]] = set()
    pending = [start]
    while pending:
        states = pending.pop()
        for ways in automaton.ways.values():
            if all(state in ways for state in states):
                for reached in itertools.product(
                    *(ways[state] for state in states)
                ):
                    if reached not in found:
                        found.add(reached)
                        pending.append(reached)
    return found


def _loops(automaton: Automaton) -> dict[int, set[int]]:
    """Return the states that are in loops, with all that they reach."""
    states = {state for ways in automaton.ways.values() for state in ways}
    reached = {
        state: {each for (each,) in _closure(automaton, (state,))}
        for state in states
    }
    return {state: found for state, found in reached.items() if state in found}


def is_exponential(automaton: Automaton) -> bool:
    """Tell whether a text leads in two ways from a state back to it."""
    loops = _loops(automaton)
    for ways in automaton.ways.values():
        for state in ways.keys() & loops.keys():
            for target, count in ways[state].items():
                if count > 1 and state in loops.get(target, ()):
                    return True
    return any(
        first != second and (state, state) in _closure(automaton, pair)
        for state in loops
        for pair in _closure(automaton, (state, state))
        for first, second in (pair,)
        if state in loops.get(first, ()) and state in loops.get(second, ())
    )


def is_linear(automaton: Automaton) -> bool:
    """Tell whether the time grows as the length of the text, at most."""
    loops = _loops(automaton)
    return not is_exponential(automaton) and not any(
        first != second
        and second in loops[first]
        and (first, second, second)
        in _closure(automaton, (first, first, second))
        for first, second in itertools.product(loops, repeat=2)
    )


def _modules(package: types.ModuleType) -> Iterator[types.ModuleType]:
    for found in pkgutil.walk_packages(
        package.__path__, package.__name__ + '.'
    ):
        yield importlib.import_module(found.name)


def _patterns(schema: Any) -> Iterator[str]:
    """List the patterns of a schema, with those of the names of properties."""
    if isinstance(schema, dict):
        if isinstance(schema.get('pattern'), str):
            yield schema['pattern']
        yield from schema.get('patternProperties', ())
        schema = schema.values()
    elif not isinstance(schema, (list, tuple)):
        return
    for each in schema:
        yield from _patterns(each)


class AutomatonTestCase(base.BaseTestCase):
    def test_exponential(self) -> None:
        for pattern in (
            r'^[^:,]+:\d+(?:\s*,\s*[^:,]+:\d+)*$',
            '^(a+)+$',
            '^(a*)*$',
            '^(a|a)*$',
            '^(?:ab|[a-z]b)*$',
            r'^(?:\[\]?[^\]]*\]|[^\[])*$',
        ):
            self.assertTrue(is_exponential(Automaton(pattern)), pattern)

    def test_quadratic(self) -> None:
        for pattern in ('^a*a*$', r'^\s*[^,]*$', 'a+$', r'^a*b?a*$'):
            self.assertFalse(is_exponential(Automaton(pattern)), pattern)
            self.assertFalse(is_linear(Automaton(pattern)), pattern)

    def test_linear(self) -> None:
        for pattern in (
            '^[a-z]+:[0-9]+$',
            r'^(?:a,)*a$',
            r'\A(?!(?:one|two)\Z)[\s\S]*\Z',
            '^[^:,]+:[0-9]+(,[^:,]+:[0-9]+)*$',
        ):
            self.assertTrue(is_linear(Automaton(pattern)), pattern)

    def test_without_regard_to_case(self) -> None:
        for flags, expected in ((0, True), (re.IGNORECASE, False)):
            self.assertEqual(
                expected, is_linear(Automaton('^a*A*$', flags)), flags
            )


class PatternTimeTestCase(base.BaseTestCase):
    def test_schemas(self) -> None:
        found = {
            pattern
            for module in _modules(schemas)
            for value in vars(module).values()
            for pattern in _patterns(value)
        }
        self.assertGreater(len(found), 5)
        for pattern in sorted(found):
            self.assertTrue(is_linear(Automaton(pattern)), pattern)

    def test_options_and_extra_specs(self) -> None:
        found = [
            getattr(option.type, 'regex', None)
            for _, options in opts.list_opts()
            for option in options
        ] + [
            validator.value.get('pattern')
            for validator in extra_specs.register()
        ]
        self.assertNotEqual([], found)
        for pattern in filter(None, found):
            text = getattr(pattern, 'pattern', pattern)
            self.assertTrue(is_linear(Automaton(text)), text)

    def test_constants(self) -> None:
        """Constants match bounded texts, or texts of the operator."""
        found = {
            value
            for package in (api, matching, virt)
            for module in _modules(package)
            for value in vars(module).values()
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str)
        }
        self.assertGreater(len(found), 5)
        for constant in found:
            self.assertFalse(
                is_exponential(
                    Automaton(f'^(?:{constant.pattern})', constant.flags)
                ),
                constant.pattern,
            )
