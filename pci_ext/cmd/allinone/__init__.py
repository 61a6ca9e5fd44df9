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

"""pci-ext-allinone: real Nova and Placement services in one process."""

import argparse
from collections.abc import Sequence
import fcntl
from importlib import metadata
import logging
import os
import shlex
import signal
import sys
import threading
from typing import IO

from pci_ext import exception
from pci_ext.cmd import signals
from pci_ext.cmd.allinone import config
from pci_ext.cmd.allinone import web
from pci_ext.virt.fake import hardware


class CannotStart(Exception):
    """The reason why the all-in-one does not start, in one line."""


#: Errors whose messages need no further explanation.
_CLEAR = (CannotStart, web.PortUnavailable, exception.PciExtException)


def main() -> None:
    """Start the services, say READY, and run until SIGTERM or SIGINT."""
    try:
        args, nova_args = parse_args(sys.argv[1:])
        run(args, nova_args)
    except SystemExit as error:
        # An options parser exits with a status, a service with a message.
        if isinstance(error.code, int):
            _exit(error.code)
        print(f'pci-ext-allinone: error: {error.code}', file=sys.stderr)
        _exit(1)
    except Exception as error:
        if logging.root.handlers:
            # If the services log already, the log gets the traceback.
            logging.getLogger(__name__).exception('Cannot run')
        print(f'pci-ext-allinone: error: {_say(error)}', file=sys.stderr)
        _exit(1)
    _exit(0)


def _say(error: Exception) -> str:
    """Put the reason why nothing runs into one line."""
    if isinstance(error, OSError) and error.filename:
        return f'{error.filename}: {error.strerror}'
    text = ' '.join(str(error).split())
    if isinstance(error, _CLEAR):
        return text
    return f'{type(error).__name__}: {text}'


def _path(text: str) -> str:
    """Read a path; oslo.config replaces the name of an option after a $."""
    path = os.path.abspath(text)
    if '$' in path:
        raise argparse.ArgumentTypeError(
            f'{path} has the character $, which the services cannot read in '
            'the paths of their files'
        )
    return path


def parse_args(
    argv: Sequence[str],
) -> tuple[argparse.Namespace, list[str]]:
    """Parse the options of the all-in-one; the others are Nova's."""
    parser = argparse.ArgumentParser(
        prog='pci-ext-allinone',
        description='Run Placement and Nova (API, conductor, scheduler and '
        'compute) in one process, with simulated hosts and PCI devices. '
        'Further options are passed to Nova.',
    )
    parser.add_argument(
        '--version', action='version', version=metadata.version('pci_ext')
    )
    parser.add_argument(
        '--data-dir',
        required=True,
        type=_path,
        help='directory of the configuration, databases and log; made where '
        'it does not exist, and gone on with where it does',
    )
    parser.add_argument(
        '--port',
        type=int,
        default=8774,
        help='port on the loopback interface; 0 takes one that is free',
    )
    parser.add_argument(
        '--computes',
        type=int,
        help='how many hosts of the hardware file to run, the first ones; '
        'without it, all',
    )
    parser.add_argument(
        '--hardware',
        required=True,
        type=_path,
        help='hardware file: the hosts and their PCI devices',
    )
    parser.add_argument(
        '--config-file',
        action='append',
        default=[],
        type=_path,
        help='configuration file of Nova, read after the one that is '
        'generated; may be repeated',
    )
    return parser.parse_known_args(argv)


def run(args: argparse.Namespace, nova_args: Sequence[str]) -> None:
    """Start all services, wait for a signal, and stop them.

    :raises CannotStart: if the hosts or the data directory do not do
    :raises InvalidHardware: if the hardware file does not
    :raises PortUnavailable: if the port is taken
    :raises OSError: if a file cannot be read or written
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    hosts = _hosts(args)
    with _own(args.data_dir), web.Server(args.port) as server:
        settings = config.Settings(
            data_dir=args.data_dir,
            port=server.port,
            hardware=args.hardware,
            config_files=tuple(args.config_file),
        )
        config.write(settings)

        # Nova is imported here and not above: it has to be told first not to
        # use eventlet, and errors in the options should not take seconds.
        from nova import monkey_patch

        # Eventlet cannot be started here, but may be active already.
        if not monkey_patch.is_patched():
            os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
            monkey_patch.patch(backend='threading')
        from pci_ext.cmd.allinone import services

        running = services.Services(settings, server, nova_args)
        try:
            for step in running.start(hosts):
                if stop.is_set():
                    return
                print(f'starting {step}', file=sys.stderr, flush=True)
            signal.signal(signal.SIGHUP, lambda *_: running.reload())
            print(_ready(settings), flush=True)
            signals.wait(stop)
        finally:
            print('stopping', file=sys.stderr, flush=True)
            running.stop()


def _ready(settings: config.Settings) -> str:
    """Say that the services serve, and the next lines for a shell."""
    clouds = shlex.quote(settings.path('clouds.yaml'))
    return (
        f'READY {settings.url}/\n'
        f'export OS_CLIENT_CONFIG_FILE={clouds} OS_CLOUD=pci-ext\n'
        'openstack pci attribute list'
    )


def _hosts(args: argparse.Namespace) -> list[str]:
    hosts = list(hardware.load(args.hardware))
    count = len(hosts) if args.computes is None else args.computes
    if not 1 <= count <= len(hosts):
        raise CannotStart(
            f'--computes is {count}, and the hardware file has {len(hosts)} '
            'hosts'
        )
    return hosts[:count]


def _own(data_dir: str) -> IO[str]:
    """Create the data directory and lock it against a second all-in-one."""
    os.makedirs(data_dir, exist_ok=True)
    lock = open(os.path.join(data_dir, 'lock'), 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CannotStart(
            f'{data_dir} is in use by another pci-ext-allinone'
        ) from error
    return lock


def _exit(status: int) -> None:
    # Threads of Nova that wait for work would keep the process from ending.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
