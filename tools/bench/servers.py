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
"""Servers that request devices, by Nova's alias or by PCI flavor."""

from __future__ import annotations

from nova import objects
from oslo_utils import uuidutils

from tools.bench import hosts


def requests(
    number: int, by_pci_flavor: bool, count: int = 1
) -> list[objects.InstancePCIRequest]:
    """Return requests, alternately for GPUs and VFs."""
    return [
        objects.InstancePCIRequest(
            count=count,
            spec=[
                {**selector, 'pci_flavor': name}
                if by_pci_flavor
                else dict(selector)
            ],
            alias_name=name,
            request_id=uuidutils.generate_uuid(),
        )
        for index in range(number)
        for name, selector in [
            (('gpu', hosts.GPU), ('vf', hosts.VF))[index % 2]
        ]
    ]


def server(number: int, by_pci_flavor: bool) -> objects.RequestSpec:
    return objects.RequestSpec(
        instance_uuid=uuidutils.generate_uuid(),
        scheduler_hints={},
        pci_requests=objects.InstancePCIRequests(
            requests=requests(number, by_pci_flavor)
        ),
    )
