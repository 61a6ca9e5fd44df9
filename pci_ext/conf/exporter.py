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

"""Options of pci-ext-exporter, in its own configuration file."""

from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

GROUP = 'exporter'

#: The user that reads, and the services that it reads from.
AUTH_GROUP = 'service_user'
COMPUTE_GROUP = 'compute'
IDENTITY_GROUP = 'identity'

# An answer is waited for no longer than this, in seconds.
_TIMEOUT = 120

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host',
        default='127.0.0.1',
        help="""
Address on which the metrics are served.

They name hosts and projects, and are served without authentication: choose an
address that only Prometheus reaches.
""",
    ),
    cfg.PortOpt(
        'port',
        default=9819,
        help="""
Port on which the metrics are served, 0 for any free one.
""",
    ),
    cfg.IntOpt(
        'cache_time',
        default=60,
        min=0,
        help="""
Time in seconds for which values are served without reading them again; with 0
each scrape reads.

Nothing is read while nothing is scraped.
""",
    ),
    cfg.IntOpt(
        'project_cache_time',
        default=600,
        min=0,
        help="""
The same for the use and limits of projects.

nova-api counts the devices of each project in a request of its own.
""",
    ),
    cfg.IntOpt(
        'max_wait',
        default=5,
        min=0,
        help="""
Time in seconds for which a scrape waits for values that are being read.

After it the last values are served. Set it below the ``scrape_timeout`` of
Prometheus.
""",
    ),
    cfg.BoolOpt(
        'notifications',
        default=False,
        help="""
Count attaches and detaches by the versioned notifications of pci_ext.

The exporter receives them from ``[oslo_messaging_notifications]
transport_url``.
""",
    ),
    cfg.ListOpt(
        'notification_topics',
        default=['versioned_notifications'],
        help="""
Topics of the notifications: ``[notifications] versioned_notifications_topics``
of Nova.
""",
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
    ks_loading.register_auth_conf_options(conf, AUTH_GROUP)
    ks_loading.register_session_conf_options(conf, AUTH_GROUP)
    conf.set_default('timeout', _TIMEOUT, AUTH_GROUP)
    for group in COMPUTE_GROUP, IDENTITY_GROUP:
        ks_loading.register_adapter_conf_options(
            conf, group, include_deprecated=False
        )
        conf.set_default('service_type', group, group)
        conf.set_default('valid_interfaces', ['internal', 'public'], group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """List the options by group, for the entry point oslo.config.opts."""
    adapter = ks_loading.get_adapter_conf_options(include_deprecated=False)
    return [
        (GROUP, OPTS),
        (
            AUTH_GROUP,
            [
                *ks_loading.get_auth_common_conf_options(),
                *ks_loading.get_auth_plugin_conf_options('v3password'),
                *ks_loading.get_session_conf_options(),
            ],
        ),
        (COMPUTE_GROUP, adapter),
        (IDENTITY_GROUP, adapter),
    ]
