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

"""The options of pci_ext, registered on the configuration of a service."""

from oslo_config import cfg

from pci_ext.conf import compute
from pci_ext.conf import database
from pci_ext.conf import scheduler

MODULES = (compute, database, scheduler)

CONF = cfg.CONF


def register_opts(conf: cfg.ConfigOpts = CONF) -> None:
    """Register every option of pci_ext; registering twice is harmless."""
    for module in MODULES:
        module.register_opts(conf)
