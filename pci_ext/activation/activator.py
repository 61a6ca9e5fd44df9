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

"""Activation of pci_ext in a service of Nova."""

import threading

from pci_ext import conf
from pci_ext.activation import active
from pci_ext.activation import api_router
from pci_ext.activation import driver_namespace
from pci_ext.activation import seam
from pci_ext.activation import task_states
from pci_ext.claims import offered_devices
from pci_ext.claims import placement_writer
from pci_ext.claims import recorded_pools
from pci_ext.claims import resource_tracker
from pci_ext.claims import stats
from pci_ext.claims import tracker
from pci_ext.compute import metadata
from pci_ext.requests import conductor
from pci_ext.requests import from_flavor
from pci_ext.requests import nova_compute_api
from pci_ext.requests import ports
from pci_ext.requests import request_groups
from pci_ext.requests import saved_metadata
from pci_ext.requests import saved_requests
from pci_ext.scheduler import candidates
from pci_ext.scheduler import enabled_filters
from pci_ext.scheduler import placement_query

_lock = threading.Lock()


def seams() -> tuple[seam.Seam, ...]:
    """List the seams, in the order in which they are installed."""
    return (
        offered_devices.SEAM,
        recorded_pools.SEAM,
        stats.SEAM,
        tracker.SEAM,
        resource_tracker.SEAM,
        placement_writer.SEAM,
        from_flavor.SEAM,
        metadata.SEAM,
        ports.SEAM,
        conductor.SEAM,
        request_groups.SEAM,
        *saved_metadata.SEAMS,
        *saved_requests.SEAMS,
        candidates.SEAM,
        placement_query.SEAM,
        enabled_filters.SEAM,
        *api_router.seams(),
    )


def check_shape() -> list[seam.Seam]:
    """Compare Nova with the shape that pci_ext expects.

    :returns: the seams that are not installed
    :raises SeamChanged: naming the difference
    """
    missing = [each for each in seams() if not each.installed]
    for each in missing:
        each.check()
    nova_compute_api.check_signatures()
    return missing


def activate() -> None:
    """Check the shape of Nova, then install every seam; once a process.

    No seam is installed unless all can be.

    :raises InvalidPciInformation: naming the entry that does not parse; Nova
        would find it only at the first scan, and continue without devices
    :raises SeamChanged: if Nova does not have the shape that a seam expects
    """
    with _lock:
        conf.register_opts()
        offered_devices.list_offered()
        for each in check_shape():
            each.install()
        active.set_installed(seams())
        task_states.register()
        driver_namespace.make_importable()
