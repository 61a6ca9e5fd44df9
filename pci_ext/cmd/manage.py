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

"""``pci-ext-manage``: manages PCI flavors, and the change to and from them."""

from collections.abc import Callable
from collections.abc import Sequence
from importlib import metadata
import sys
from typing import Any

from alembic import util as alembic_util
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy import exc as sa_exc

from pci_ext import conf as pci_ext_conf
from pci_ext import exception
from pci_ext.cmd import export
from pci_ext.db import api
from pci_ext.db import migration

#: Errors with a reason that an operator can remove.
_EXPECTED = (
    alembic_util.CommandError,
    cfg.Error,
    db_exception.DBError,
    exception.DatabaseUnusable,
    exception.UnsupportedConfiguration,
    # oslo.db does not translate all errors, such as a wrong password.
    sa_exc.SQLAlchemyError,
)

#: Runs a command, and returns the exit code.
Action = Callable[[cfg.ConfigOpts], int]


def _sync(conf: cfg.ConfigOpts) -> int:
    api.configure(conf)
    migration.upgrade()
    print(f'The database is at version {migration.version()}.')
    return 0


def _version(conf: cfg.ConfigOpts) -> int:
    api.configure(conf)
    print(migration.version() or 'none')
    return 0


def _export(conf: cfg.ConfigOpts) -> int:
    api.configure(conf)
    return export.run()


def _prepare_removal(conf: cfg.ConfigOpts) -> int:
    _load_nova(conf)
    from pci_ext.cmd import removal

    return removal.prepare(conf.command.dry_run)


def _import_aliases(conf: cfg.ConfigOpts) -> int:
    api.configure(conf)
    _load_nova(conf)
    from pci_ext.cmd.aliases import importing

    return importing.run(conf.command.dry_run, conf.command.apply)


def _load_nova(conf: cfg.ConfigOpts) -> None:
    """Read the same files as the configuration of Nova.

    Nova is imported here: it takes seconds, which the other commands save.
    """
    from pci_ext.cmd import nova_config

    nova_config.load(conf.config_file or (), conf.config_dir or ())


def _add_commands(subparsers: Any) -> None:
    # Not required of the parser, so that the help can be printed instead.
    subparsers.required = False
    commands = subparsers.add_parser(
        'db', help='Commands on the database of PCI flavors.'
    ).add_subparsers(required=True)
    actions: tuple[tuple[str, str, Action], ...] = (
        ('sync', 'Bring the tables to the version of this release.', _sync),
        ('version', 'Print the version of the tables, or none.', _version),
    )
    for name, description, action in actions:
        commands.add_parser(
            name, help=description, description=description
        ).set_defaults(action=action)
    description = (
        'Print the PCI flavors, their projects with access and their limits '
        'as YAML.'
    )
    subparsers.add_parser(
        'export', help=description, description=description
    ).set_defaults(action=_export)
    description = (
        'Change servers and flavors that have PCI flavors to aliases, for a '
        'Nova without pci_ext.'
    )
    removal = subparsers.add_parser(
        'prepare-removal', help=description, description=description
    )
    removal.add_argument(
        '--dry-run',
        action='store_true',
        help='Print the changes, and make none.',
    )
    removal.set_defaults(action=_prepare_removal)
    description = (
        'Create PCI flavors for the aliases of [pci] alias, and print the '
        'extra specs of flavors that they replace.'
    )
    aliases = subparsers.add_parser(
        'import-aliases', help=description, description=description
    )
    modes = aliases.add_mutually_exclusive_group()
    modes.add_argument(
        '--dry-run',
        action='store_true',
        help='Print the PCI flavors, and create none.',
    )
    modes.add_argument(
        '--apply',
        action='store_true',
        help='Change the extra specs of the flavors, too. By default only PCI '
        'flavors are created.',
    )
    aliases.set_defaults(action=_import_aliases)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, with the configuration files of Nova.

    :param argv: what follows the name of the program; default: its own
    :returns: the exit code
    """
    conf = cfg.ConfigOpts()
    pci_ext_conf.register_opts(conf)
    conf.register_cli_opt(
        cfg.SubCommandOpt('command', title='Commands', handler=_add_commands)
    )
    try:
        conf(
            sys.argv[1:] if argv is None else argv,
            project='nova',
            version=metadata.version('pci_ext'),
        )
        if conf.command.name is None:
            conf.print_help()
            return 1
        action: Action = conf.command.action
        return action(conf)
    except _EXPECTED as error:
        print(error, file=sys.stderr)
        return 1
