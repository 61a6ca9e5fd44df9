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

"""Whether pci_ext is active in this process."""

from collections.abc import Sequence
import functools

from oslo_log import log as logging

from pci_ext import exception
from pci_ext.activation import seam

LOG = logging.getLogger(__name__)

_installed: list[seam.Seam] = []


def set_installed(seams: Sequence[seam.Seam]) -> None:
    """Record the seams of this process."""
    _installed[:] = seams


def is_active() -> bool:
    """Tell whether all seams are installed in this process."""
    return bool(_installed) and all(seam.installed for seam in _installed)


@functools.cache
def _announce() -> None:
    """Log once that pci_ext is active.

    Services are activated before they set up their logging.
    """
    LOG.info(
        'pci_ext is active: it replaces %s',
        ', '.join(seam.qualified_name for seam in _installed),
    )


def require(part: str) -> None:
    """Refuse to start a part of pci_ext without activation.

    :param part: name of the part that was loaded, as operators know it
    :raises NotActivated: if the service lacks the activating line
    """
    if not is_active():
        raise exception.NotActivated(part=part)
    _announce()
