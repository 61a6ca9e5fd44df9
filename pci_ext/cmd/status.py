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

from collections.abc import Callable
from collections.abc import Sequence
from importlib import metadata
import sys
import traceback
from typing import Any

from nova import objects
import nova.conf
from nova.db.api import api as nova_api_db
from nova.db.main import api as nova_main_db
from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from pci_ext import conf as pci_ext_conf
from pci_ext.cmd.checks import cloud
from pci_ext.cmd.checks import configuration
from pci_ext.cmd.checks import databases
from pci_ext.cmd.checks import offered_devices
from pci_ext.i18n import _

CONF = nova.conf.CONF

#: In the order they are run in, by the names they are shown under.
CHECKS = (
    (_('Configuration Files'), configuration.files_read),
    (_('Database Schema'), databases.schema),
    (_('Activation'), configuration.activated),
    (_('Scheduler'), configuration.scheduler_starts),
    (_('Attributes of PCI Flavors'), cloud.attributes_reported),
    (_('Extra Specs of Flavors'), cloud.extra_specs_known),
    (_('Offered Devices'), offered_devices.entries_match),
)


def _run(check: Callable[[], upgradecheck.Result]) -> upgradecheck.Result:
    """Run a check; an error in it is its result, and the others are run."""
    try:
        return check()
    except Exception as error:
        traceback.print_exc()
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            _('Not checked: %(type)s: %(error)s')
            % {'type': type(error).__name__, 'error': error},
        )


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``pci-ext-status upgrade check``."""

    _upgrade_checks = tuple(
        # They are called as methods are.
        (name, lambda self, check=check: _run(check))
        for name, check in CHECKS
    )

    def check(self) -> upgradecheck.Code:
        """Run the checks on the databases that the configuration names."""
        configuration.register_messaging()
        configuration.register_profiler()
        objects.register_all()
        nova_api_db.configure(CONF)
        nova_main_db.configure(CONF)
        return super().check()


def _add_commands(subparsers: Any) -> None:
    text = _('Checks before an upgrade, or a start, of the services.')
    commands = subparsers.add_parser(
        'upgrade', help=text, description=text
    ).add_subparsers(required=True, metavar='check')
    text = _('Check the configuration, the databases and the devices.')
    check = commands.add_parser('check', help=text, description=text)
    check.add_argument(
        '--json', action='store_true', help=_('Print the results in JSON.')
    )
    check.set_defaults(action_fn=Checks().check)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks, with the configuration files of Nova.

    :param argv: what follows the name of the program; default: its own
    :returns: the exit code: 0 if all is well, 1 for a warning, 2 for a
        failure, 255 if nothing was checked
    """
    pci_ext_conf.register_opts(CONF)
    # upgradecheck.main has no version, and no title for the commands.
    CONF.register_cli_opt(
        cfg.SubCommandOpt(
            'command', title=_('Commands'), handler=_add_commands
        )
    )
    try:
        CONF(
            list(sys.argv[1:] if argv is None else argv),
            project='nova',
            version=metadata.version('pci_ext'),
        )
    except cfg.Error as error:
        print(error, file=sys.stderr)
        return 255
    # It looks there for the option --json.
    upgradecheck.CONF = CONF
    return upgradecheck.run(CONF)
