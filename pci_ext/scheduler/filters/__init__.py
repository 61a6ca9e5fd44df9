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

"""The scheduler filters of pci_ext.

To be named in ``[filter_scheduler] available_filters`` as
``pci_ext.scheduler.filters.all_filters``.
"""

from typing import Any

from stevedore import extension

NAMESPACE = 'pci_ext.scheduler.filters'


def all_filters() -> list[type]:
    """List the filter classes, by entry point, for Nova's scheduler."""
    manager: Any = extension.ExtensionManager(
        NAMESPACE, on_load_failure_callback=_raise
    )
    return [ext.plugin for ext in manager]


def _raise(manager: Any, entry_point: Any, error: BaseException) -> None:
    raise error
