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

"""Metrics of projects: their devices and limits by PCI flavor."""

from prometheus_client import core

from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import sources

_LABELS = ('project_id', 'project', 'pci_flavor')


def read(cloud: cloud_api.Cloud) -> sources.Families:
    """Read the use and the limits of all enabled projects.

    A project without devices has no use, one without a limit no limit: most
    projects have neither.
    """
    used = core.GaugeMetricFamily(
        'pci_ext_project_devices',
        'Devices of a PCI flavor that a project has or has requested.',
        labels=_LABELS,
    )
    limits = core.GaugeMetricFamily(
        'pci_ext_project_limit',
        'Limit of the devices of a PCI flavor for a project.',
        labels=_LABELS,
    )
    for project in cloud.list_projects():
        for limit in cloud.list_limits(project['id']):
            labels = (project['id'], project['name'], limit['pci_flavor'])
            is_limited = limit['limit'] >= 0
            if limit['used'] or is_limited:
                used.add_metric(labels, limit['used'])
            if is_limited:
                limits.add_metric(labels, limit['limit'])
    return [used, limits]
