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

"""``pci-ext-status``: tells whether pci_ext is ready for an upgrade."""

from collections.abc import Sequence
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from pci_ext import conf as pci_ext_conf
from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.i18n import _


class Checks(upgradecheck.UpgradeCommands):
    """Checks of ``pci-ext-status upgrade check``; each a method."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def _check_database_schema(self) -> upgradecheck.Result:
        """Check that the tables are those that this release needs."""
        try:
            api.configure(self._conf)
        except exception.DatabaseNotConfigured as error:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE, error.format_message()
            )
        found, needed = migration.version(), migration.head()
        if found != needed:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                _(
                    'The database of PCI flavors is at version %(found)s and '
                    'this release needs %(needed)s. Run "pci-ext-manage db '
                    'sync".'
                )
                % {'found': found or _('none'), 'needed': needed},
            )
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    _upgrade_checks = ((_('Database Schema'), _check_database_schema),)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks, with the configuration files of Nova.

    :param argv: what follows the name of the program; default: its own
    :returns: the exit code: 0 if all is well, 1 for a warning, 2 for a failure
    """
    conf = cfg.ConfigOpts()
    pci_ext_conf.register_opts(conf)
    return upgradecheck.main(
        conf,
        project='nova',
        upgrade_command=Checks(conf),
        argv=list(sys.argv[1:] if argv is None else argv),
    )
