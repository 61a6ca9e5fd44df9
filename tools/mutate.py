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

"""Make small changes of the code, and check whether tests fail.

    python tools/mutate.py [--sample N] [--seed N] [PATH...]

A mutant is a module with one change: a comparison negated, ``and`` for ``or``,
a condition negated or dropped, a statement removed, a number changed, None
returned. It exists in the memory of a separate process only. The process runs
the tests that mirror the module, then those of its package. A mutant survives
if no test fails. Run this in the environment of the unit tests:

    .tox/py3/bin/python tools/mutate.py --sample 300
"""

import argparse
import ast
import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import importlib.abc
import importlib.machinery
import os
import pathlib
import random
import signal
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEFAULT = (
    'pci_ext/matching',
    'pci_ext/claims',
    'pci_ext/compute/operations',
    'pci_ext/compute/recovery',
)
Definition = ast.FunctionDef | ast.ClassDef
SUITES = ('unit', 'component')
WORKERS = len(os.sched_getaffinity(0))
SECONDS = 1200

NEGATED = {
    ast.Eq: ast.NotEq,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.In: ast.NotIn,
    ast.Is: ast.IsNot,
}
NEGATED |= {new: old for old, new in NEGATED.items()}
SWAPPED = {
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: pathlib.Path
    number: int
    line: int
    change: str

    def __str__(self) -> str:
        return f'{self.path.relative_to(ROOT)}:{self.line}: {self.change}'


def change_of(node: ast.AST) -> tuple[str, Callable[[], ast.AST]] | None:
    """Return a change of a node: its description, and a function for it.

    :returns: None if the node is not changed
    """
    match node:
        case ast.Compare(left, [operator, *others], right) if (
            type(operator) in NEGATED
        ):
            new = NEGATED[type(operator)]()
            return type(new).__name__, lambda: ast.Compare(
                left, [new, *others], right
            )
        case ast.BoolOp(operator, values):
            swapped = SWAPPED[type(operator)]()
            return type(swapped).__name__, lambda: ast.BoolOp(swapped, values)
        case ast.BinOp(left, operator, right) if type(operator) in SWAPPED:
            swapped = SWAPPED[type(operator)]()
            return type(swapped).__name__, lambda: ast.BinOp(
                left, swapped, right
            )
        case ast.UnaryOp(ast.Not(), operand):
            return 'no not', lambda: operand
        case ast.Constant(bool(value)):
            return f'{not value}', lambda: ast.Constant(not value)
        case ast.Constant(int(value)):
            return f'{value + 1}', lambda: ast.Constant(value + 1)
        case ast.If(ast.Name() | ast.Attribute() | ast.Call() as test):
            return 'negated', lambda: ast.If(
                ast.UnaryOp(ast.Not(), test), node.body, node.orelse
            )
        case ast.comprehension(target, iterable, [_, *_], is_async):
            return 'no if', lambda: ast.comprehension(
                target, iterable, [], is_async
            )
        case ast.Expr(ast.Call()) if not ast.unparse(node).startswith('LOG.'):
            return 'left out', ast.Pass
        case ast.Return(
            ast.Name() | ast.Call() | ast.Attribute() | ast.Tuple()
        ):
            return 'None', lambda: ast.Return(ast.Constant(None))
    return None


class Mutator(ast.NodeTransformer):
    """Counts the changes that a module allows, and makes one of them."""

    def __init__(self, chosen: int | None = None) -> None:
        self.chosen = chosen
        self.found: list[tuple[int, str]] = []

    def visit(self, node: ast.AST) -> ast.AST:
        before = ast.unparse(node).strip().splitlines()
        node = super().visit(node)
        change = change_of(node)
        if change is None:
            return node
        description, make = change
        # A comprehension has no line of its own.
        place = node.ifs[0] if isinstance(node, ast.comprehension) else node
        self.found.append((place.lineno, f'{before[0]}: {description}'))
        if len(self.found) - 1 != self.chosen:
            return node
        return ast.fix_missing_locations(ast.copy_location(make(), place))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        # Not the annotation.
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def _visit_body(self, node: Definition) -> ast.AST:
        # No decorators, defaults or annotations.
        node.body = [self.visit(each) for each in node.body]
        return node

    visit_FunctionDef = _visit_body
    visit_ClassDef = _visit_body


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.name = '.'.join(
            mutant.path.relative_to(ROOT).with_suffix('').parts
        )

    def find_spec(
        self, name: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(
            name, self, origin=str(self.mutant.path)
        )

    def exec_module(self, module: object) -> None:
        tree = Mutator(self.mutant.number).visit(
            ast.parse(self.mutant.path.read_text())
        )
        code = compile(tree, str(self.mutant.path), 'exec')
        exec(code, module.__dict__)


def mutants_of(path: pathlib.Path) -> Iterator[Mutant]:
    mutator = Mutator()
    mutator.visit(ast.parse(path.read_text()))
    for number, (line, change) in enumerate(mutator.found):
        yield Mutant(path, number, line, change)


def nearest_tests(path: pathlib.Path) -> list[str]:
    """Return the names of the tests of a module, else of its package."""
    package = path.relative_to(ROOT / 'pci_ext').parent
    folders = [ROOT / 'pci_ext/tests' / each / package for each in SUITES]
    mirrors = [folder / f'test_{path.name}' for folder in folders]
    return _names(each for each in mirrors if each.exists()) or _names(
        each for folder in folders for each in folder.glob('test_*.py')
    )


def other_tests(path: pathlib.Path) -> list[str]:
    """Return the names of the other tests of the top-level package."""
    package = path.relative_to(ROOT / 'pci_ext').parts[0]
    folders = [ROOT / 'pci_ext/tests' / each / package for each in SUITES]
    found = _names(
        each for folder in folders for each in folder.rglob('test_*.py')
    )
    return [name for name in found if name not in nearest_tests(path)]


def _names(paths: Iterable[pathlib.Path]) -> list[str]:
    return [
        '.'.join(each.relative_to(ROOT).with_suffix('').parts)
        for each in sorted(paths)
    ]


def survives(mutant: Mutant) -> bool:
    """Return whether no test fails: the nearest tests, then the others."""
    sys.meta_path.insert(0, Finder(mutant))
    result = unittest.TestResult()
    result.failfast = True
    for tests in (nearest_tests, other_tests):
        suite = unittest.defaultTestLoader.loadTestsFromNames(
            tests(mutant.path)
        )
        suite.run(result)
        if not result.wasSuccessful():
            return False
    return True


def start(mutant: Mutant) -> int:
    process = os.fork()
    if process:
        return process
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    status = 1
    try:
        status = 0 if survives(mutant) else 1
    finally:
        os._exit(status)


def run(mutants: list[Mutant]) -> list[Mutant]:
    """Run all mutants, some of them at a time; return the survivors."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, float]] = {}
    survivors = []
    while waiting or running:
        while waiting and len(running) < WORKERS:
            mutant = waiting.pop()
            running[start(mutant)] = mutant, time.monotonic() + SECONDS
        process, status = os.waitpid(-1, os.WNOHANG)
        if process in running:
            mutant, _ = running.pop(process)
            if status == 0:
                survivors.append(mutant)
                print(f'survives: {mutant}', flush=True)
            continue
        for process, (_, end) in running.items():
            if time.monotonic() > end:
                os.killpg(process, signal.SIGKILL)
        time.sleep(0.02)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sample', type=int, help='the number of mutants')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('paths', nargs='*', default=DEFAULT)
    args = parser.parse_args()

    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
    sys.path.insert(0, str(ROOT))
    # Imports for all mutants. No module of pci_ext may be imported here.
    from nova import monkey_patch

    monkey_patch.patch()
    from nova import test  # noqa: F401
    from nova.compute import manager  # noqa: F401
    from nova.tests import fixtures  # noqa: F401

    modules = sorted(
        module
        for path in map((ROOT).joinpath, args.paths)
        for module in ([path] if path.is_file() else path.rglob('*.py'))
        if module.name != '__init__.py'
    )
    mutants = [each for module in modules for each in mutants_of(module)]
    print(f'{len(mutants)} mutants of {len(modules)} modules', flush=True)
    if args.sample and args.sample < len(mutants):
        random.seed(args.seed)
        mutants = random.sample(mutants, args.sample)
    survivors = collections.Counter(each.path.parent for each in run(mutants))
    tried = collections.Counter(each.path.parent for each in mutants)
    for package in sorted(tried):
        killed = tried[package] - survivors[package]
        print(
            f'{package.relative_to(ROOT)}: {killed} of {tried[package]} killed'
        )
    total = len(mutants)
    killed = total - survivors.total()
    print(f'all: {killed} of {total} killed, {100 * killed // total} %')
    return 0


if __name__ == '__main__':
    sys.exit(main())
