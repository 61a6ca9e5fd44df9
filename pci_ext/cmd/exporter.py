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

"""``pci-ext-exporter``: serves metrics of PCI devices to Prometheus."""

from collections.abc import Sequence
from importlib import metadata
import signal
import sys
import threading

from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.cmd import signals
from pci_ext.conf import exporter as exporter_conf

#: Errors with a reason that an operator can remove.
_EXPECTED = (cfg.Error, ks_exceptions.ClientException, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve metrics until SIGTERM or SIGINT.

    :param argv: what follows the name of the program; default: its own
    :returns: the exit code
    """
    try:
        from pci_ext.exporter import service
    except ModuleNotFoundError as error:
        print(
            f"{error}. Install the extra: pip install 'pci_ext[exporter]'",
            file=sys.stderr,
        )
        return 1
    conf = cfg.ConfigOpts()
    exporter_conf.register_opts(conf)
    logging.register_options(conf)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        conf(
            list(sys.argv[1:] if argv is None else argv),
            project='pci_ext',
            prog='pci-ext-exporter',
            version=metadata.version('pci_ext'),
        )
        logging.setup(conf, 'pci-ext-exporter')
        with service.serving(conf):
            signals.wait(stopped)
    except _EXPECTED as error:
        print(error, file=sys.stderr)
        return 1
    return 0
