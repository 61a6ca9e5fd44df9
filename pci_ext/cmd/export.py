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

"""``pci-ext-manage export``: PCI flavors, access and limits as YAML."""

from collections.abc import Mapping
import sys
from typing import Any

import yaml

from pci_ext.db import pci_flavor_limits
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor

#: The key of the limit of projects that have none of their own.
DEFAULT = 'default'


def run() -> int:
    """Print all PCI flavors, and return the exit code."""
    yaml.safe_dump(
        {
            'pci_flavors': [
                _export(flavor, pci_flavor_limits.get(flavor.uuid))
                for flavor in pci_flavors.get_all()
            ]
        },
        sys.stdout,
        sort_keys=False,
        allow_unicode=True,
    )
    return 0


def _export(
    flavor: pci_flavor.PciFlavor, limits: Mapping[str, int]
) -> dict[str, Any]:
    return {
        'name': flavor.name,
        'uuid': flavor.uuid,
        'description': flavor.description,
        'is_public': flavor.is_public,
        'projects': sorted(flavor.projects),
        'live_migration': flavor.live_migration,
        'specs': dict(sorted(flavor.specs.items())),
        'limits': {
            # The database has an empty project for the others.
            project_id or DEFAULT: devices
            for project_id, devices in sorted(limits.items())
        },
    }
