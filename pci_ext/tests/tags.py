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

"""Tags of tests. A test id contains its tags, so stestr selects by them."""

from collections.abc import Callable
from typing import TypeVar
import unittest

#: Tags named like the tox environments that run only tests with the tag.
NOVA33_SHORT = 'nova33-short'
DEPLOY_SHORT = 'deploy-short'

#: Tables of faults, in minutes: py3-nova33-short leaves them out.
LONG = 'long'

_Case = TypeVar('_Case', bound=type[unittest.TestCase])


def tag(*tags: str) -> Callable[[_Case], _Case]:
    """Tag the tests of a class, but not the tests of its subclasses.

    The id of a test then ends as with testtools' ``attr``: ``[TAG,...]``.
    """

    def decorate(case: _Case) -> _Case:
        plain_id = case.id

        def tagged_id(self: unittest.TestCase) -> str:
            suffix = (
                f'[{",".join(sorted(tags))}]' if type(self) is case else ''
            )
            return plain_id(self) + suffix

        case.id = tagged_id  # type: ignore[method-assign]
        return case

    return decorate
