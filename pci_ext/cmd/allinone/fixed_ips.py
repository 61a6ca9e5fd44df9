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
"""Fixed addresses of ports, from the subnets of their networks."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import ipaddress
from typing import Any

import webob.exc


def complete(subnet: dict[str, Any]) -> None:
    """Add to a subnet what Neutron derives from its CIDR.

    :raises webob.exc.HTTPBadRequest: if the CIDR is none
    """
    try:
        network = ipaddress.ip_network(subnet['cidr'])
    except ValueError as error:
        raise webob.exc.HTTPBadRequest(str(error)) from error
    gateway, first = str(network[1]), str(network[2])
    pool = {'start': first, 'end': str(network[-2])}
    subnet.setdefault('gateway_ip', gateway)
    subnet.setdefault('allocation_pools', [pool])
    subnet.setdefault('ip_version', network.version)


def assign(
    wanted: Iterable[Mapping[str, str]],
    subnets: Collection[Mapping[str, Any]],
    ports: Iterable[Mapping[str, Any]],
) -> list[dict[str, str]]:
    """Return the addresses of a new port.

    :param wanted: the subnets and addresses that were asked for
    :param subnets: those of its network
    :param ports: all ports of its network
    :raises webob.exc.HTTPConflict: if an address is in use
    """
    in_use = {ip['ip_address'] for port in ports for ip in port['fixed_ips']}
    assigned = []
    for subnet, address in _choose(list(wanted), subnets):
        if address in in_use:
            raise webob.exc.HTTPConflict(f'{address} is in use')
        assigned.append(
            {
                'subnet_id': subnet['id'],
                'ip_address': address or _free(subnet, in_use),
            }
        )
    return assigned


def _choose(
    wanted: Collection[Mapping[str, str]],
    subnets: Collection[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], str]]:
    if not wanted:
        # As Neutron does: one address of each version.
        versions = {subnet['ip_version']: subnet for subnet in subnets}
        yield from ((subnet, '') for subnet in versions.values())
    for each in wanted:
        address = each.get('ip_address', '')
        for subnet in subnets:
            if each.get('subnet_id', subnet['id']) == subnet['id'] and (
                not address
                or ipaddress.ip_address(address)
                in ipaddress.ip_network(subnet['cidr'])
            ):
                yield subnet, address
                break
        else:
            raise webob.exc.HTTPBadRequest(f'no subnet has {dict(each)}')


def _free(subnet: Mapping[str, Any], in_use: Collection[str]) -> str:
    for address in ipaddress.ip_network(subnet['cidr']).hosts():
        if str(address) not in in_use and str(address) != subnet['gateway_ip']:
            return str(address)
    raise webob.exc.HTTPConflict(f'subnet {subnet["id"]} is full')
