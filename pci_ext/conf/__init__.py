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

from typing import Any

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
    conf.register_mutate_hook(_forget_old_values)


def _forget_old_values(conf: cfg.ConfigOpts, changed: dict[Any, Any]) -> None:
    """Let no thread see a value of before a SIGHUP any more.

    oslo.config forgets the values that it has looked up before it reads the
    files anew. A value that another thread looks up meanwhile is an old one,
    and would be the answer until the next SIGHUP. To register options is the
    public call that forgets all of them.
    """
    compute.register_opts(conf)
