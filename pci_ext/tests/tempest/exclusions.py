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

"""The tests that are not run, by the reason; YAML files have them."""

from collections.abc import Iterable
from importlib import resources
import re
from typing import Any

import yaml

#: The files of the all-in-one, and of a deployment.
ALL_IN_ONE = 'excluded-all-in-one.yaml'
DEPLOYMENT = 'excluded-deployment.yaml'


class UselessExclusion(Exception):
    """An exclusion that excludes no test."""


def load(file: str) -> dict[str, list[str]]:
    """Return the regular expressions of test ids, by reason."""
    text = resources.files(__package__).joinpath(file).read_text('utf-8')
    loaded: list[dict[str, Any]] = yaml.safe_load(text)
    return {each['reason']: each['tests'] for each in loaded}


def excluded(
    expressions: dict[str, list[str]], tests: Iterable[str]
) -> dict[str, str]:
    """Return the reasons of the excluded tests.

    :param expressions: as of ``load``
    :param tests: the ids of all tests
    :raises UselessExclusion: if an expression matches none of them
    """
    reasons = {}
    tests = list(tests)
    for reason, each in expressions.items():
        for expression in each:
            found = [test for test in tests if re.search(expression, test)]
            if not found:
                raise UselessExclusion(f'no test has {expression}')
            reasons.update(dict.fromkeys(found, reason))
    return reasons
