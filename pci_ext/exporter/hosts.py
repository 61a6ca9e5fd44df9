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

"""Metrics of hosts: the time of their last report."""

import datetime

from prometheus_client import core

from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import sources


def read(cloud: cloud_api.Cloud) -> sources.Families:
    """Read when each nova-compute reported to Nova last."""
    reported = core.GaugeMetricFamily(
        'pci_ext_host_last_report_timestamp_seconds',
        'Time of the last report of nova-compute on a host.',
        labels=('host',),
    )
    enabled = core.GaugeMetricFamily(
        'pci_ext_host_enabled',
        '1 if the scheduler may choose a host, 0 if it is disabled.',
        labels=('host',),
    )
    for service in cloud.list_hosts():
        labels = (service['host'],)
        enabled.add_metric(labels, service['status'] == 'enabled')
        # None before the first report.
        if service['updated_at'] is not None:
            reported.add_metric(
                labels, time_of(service['updated_at']).timestamp()
            )
    return [reported, enabled]


def time_of(text: str) -> datetime.datetime:
    """Read a time of Nova's API, which is in UTC and does not always say so.

    :raises ValueError: if it is none
    """
    read = datetime.datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)
