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

"""Import every module of unit and component tests alone.

    .tox/py3/bin/python tools/import_alone.py

A module that depends on an import in another module fails, as its tests would
fail if they were run alone. Each module is imported in a separate process,
forked after the import of its package.
"""

import importlib
import multiprocessing
import pathlib
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUITES = ('unit', 'component')


def _modules(suite: str) -> list[str]:
    return [
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for path in sorted((ROOT / 'pci_ext/tests' / suite).rglob('*.py'))
        if path.name != '__init__.py'
    ]


def _problem(module: str) -> str:
    """Return the traceback of an import, or nothing."""
    try:
        importlib.import_module(module)
    except Exception:
        return traceback.format_exc()
    return ''


def main() -> int:
    sys.path.insert(0, str(ROOT))
    forking = multiprocessing.get_context('fork')
    failed = 0
    for suite in SUITES:
        importlib.import_module(f'pci_ext.tests.{suite}')
        modules = _modules(suite)
        with forking.Pool(maxtasksperchild=1) as pool:
            problems = pool.map(_problem, modules, chunksize=1)
            for module, problem in zip(modules, problems, strict=True):
                if problem:
                    failed += 1
                    print(f'{module}\n{problem}')
        print(f'{suite}: {len(modules)} modules')
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
