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

import functools
import threading

from oslo_config import cfg
from oslo_log import log as logging

from pci_ext import conf
from pci_ext import exception
from pci_ext.activation import driver_namespace
from pci_ext.activation import seam
from pci_ext.activation import task_states
from pci_ext.claims import offered_devices
from pci_ext.claims import placement_writer
from pci_ext.claims import resource_tracker
from pci_ext.claims import stats
from pci_ext.claims import tracker
from pci_ext.compute import metadata
from pci_ext.requests import conductor
from pci_ext.requests import from_flavor
from pci_ext.requests import nova_compute_api
from pci_ext.requests import ports
from pci_ext.requests import saved_metadata
from pci_ext.requests import saved_requests

LOG = logging.getLogger(__name__)

_lock = threading.Lock()


def seams() -> tuple[seam.Seam, ...]:
    """List the seams, in the order in which they are installed."""
    return (
        offered_devices.SEAM,
        stats.SEAM,
        tracker.SEAM,
        resource_tracker.SEAM,
        placement_writer.SEAM,
        from_flavor.SEAM,
        metadata.SEAM,
        ports.SEAM,
        conductor.SEAM,
        *saved_metadata.SEAMS,
        *saved_requests.SEAMS,
    )


def is_active() -> bool:
    """Tell whether all seams are installed in this process."""
    return all(seam.installed for seam in seams())


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
        task_states.register()
        driver_namespace.make_importable()


@functools.cache
def _announce() -> None:
    """Log once that pci_ext is active.

    Services are activated before they set up their logging.
    """
    LOG.info(
        'pci_ext is active: it replaces %s',
        ', '.join(seam.qualified_name for seam in seams()),
    )


def require(part: str) -> None:
    """Refuse to start a part of pci_ext without activation.

    :param part: name of the part that was loaded, as operators know it
    :raises NotActivated: if the service lacks the activating line
    :raises UnsupportedConfiguration: if PCI devices are scheduled by
        Placement, which does not know PCI flavors
    """
    if not is_active():
        raise exception.NotActivated(part=part)
    if cfg.CONF.filter_scheduler.pci_in_placement:
        raise exception.UnsupportedConfiguration(
            reason='[filter_scheduler] pci_in_placement = true does not '
            'work with PCI flavors yet: set it to false'
        )
    _announce()
