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

"""Tests without a database or a service; they mirror the package."""

import sys
from types import FrameType

import hypothesis

from pci_ext.tests import nova_process  # noqa: F401

# A slow machine must not make a test fail.
hypothesis.settings.register_profile(
    'patient',
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile('patient')


def _refuse_databases(event: str, arguments: object) -> None:
    """Fail a test of this package that opens a database.

    The interpreter calls this audit hook whenever a database is opened.
    """
    if event != 'sqlite3.connect':
        return
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if str(frame.f_globals.get('__name__')).startswith(f'{__name__}.'):
            raise AssertionError(
                'A unit test opens a database: it belongs to tests/component.'
            )
        frame = frame.f_back


sys.addaudithook(_refuse_databases)
