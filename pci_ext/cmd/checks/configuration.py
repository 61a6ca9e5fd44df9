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

"""Upgrade checks of the configuration of the services of Nova."""

import glob
import os

# The seam of nova-api is there once this is loaded.
from nova.api.openstack import wsgi_app  # noqa: F401
import nova.conf
from nova.scheduler import filters
from oslo_messaging import opts as messaging_opts
from oslo_upgradecheck import upgradecheck
from oslo_utils import importutils

from pci_ext import exception
from pci_ext.activation import activator
from pci_ext.cmd.checks import databases
from pci_ext.i18n import _

CONF = nova.conf.CONF

_NOTIFICATIONS = 'oslo_messaging_notifications'


def register_messaging() -> None:
    """Register the options of oslo.messaging, as services do at start."""
    for group, opts in messaging_opts.list_opts():
        if group in (None, _NOTIFICATIONS):
            CONF.register_opts(opts, group)


def register_profiler() -> None:
    """Register the options that Nova reads if osprofiler is installed."""
    profiler = importutils.try_import('osprofiler.opts')
    if profiler:
        profiler.set_defaults(CONF)


def files_read() -> upgradecheck.Result:
    """Name the configuration files that the other checks are about."""
    files = [
        *(CONF.config_file or ()),
        *(
            path
            for folder in CONF.config_dir or ()
            for path in sorted(glob.glob(os.path.join(folder, '*.conf')))
        ),
    ]
    if files:
        return upgradecheck.Result(
            upgradecheck.Code.SUCCESS, _('Read: %s.') % ', '.join(files)
        )
    return upgradecheck.Result(
        upgradecheck.Code.WARNING,
        _(
            'No configuration file was found: the other checks are about the '
            'defaults of Nova. Name the files of a service by --config-file.'
        ),
    )


def activated() -> upgradecheck.Result:
    """Check that services become active, and that this Nova is known."""
    if 'pci_ext' not in CONF[_NOTIFICATIONS].driver:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            _(
                'pci_ext is not active in services with this configuration: '
                'add "driver = pci_ext" to the section '
                '[oslo_messaging_notifications] and restart them.'
            ),
        )
    try:
        activator.check_shape()
    except exception.SeamChanged as error:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE, error.format_message()
        )
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)


def scheduler_starts() -> upgradecheck.Result:
    """Check that the scheduler starts with pci_ext."""
    if not databases.expected():
        return databases.not_here()
    options = CONF.filter_scheduler
    try:
        classes = filters.HostFilterHandler().get_matching_classes(
            options.available_filters
        )
    except (ImportError, exception.PciExtException) as error:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            _('[filter_scheduler] available_filters cannot be loaded: %s')
            % error,
        )
    unknown = set(options.enabled_filters) - {
        found.__name__ for found in classes
    }
    if unknown:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            _(
                '[filter_scheduler] enabled_filters names filters that '
                'available_filters does not have, so that nova-scheduler does '
                'not start: %s. PciFlavorFilter need not be named.'
            )
            % ', '.join(sorted(unknown)),
        )
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)
