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

"""Addresses of ports and floating IPs, from the subnets of networks."""

from collections.abc import Collection
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


def of_network(
    kept: Mapping[str, Mapping[str, Any]],
    network_id: str,
    wanted: Collection[Mapping[str, str]] = (),
) -> list[dict[str, str]]:
    """Return new addresses on a network, none if it has no subnets.

    :param kept: the resources of Neutron, by collection and id
    :param wanted: the subnets and addresses that were asked for
    :raises webob.exc.HTTPConflict: if an address is in use
    :raises webob.exc.HTTPBadRequest: if no subnet has it
    """
    subnets = [
        kept['subnets'][id] for id in kept['networks'][network_id]['subnets']
    ]
    if not subnets:
        return []
    in_use = {
        each['ip_address']
        for port in kept['ports'].values()
        if port['network_id'] == network_id
        for each in port['fixed_ips']
    }
    in_use |= {
        floating_ip['floating_ip_address']
        for floating_ip in kept['floatingips'].values()
    }
    assigned = []
    for subnet, address in _choose(wanted, subnets):
        if address in in_use:
            raise webob.exc.HTTPConflict(f'{address} is in use')
        assigned.append(
            {
                'subnet_id': subnet['id'],
                'ip_address': address or _free(subnet, in_use),
            }
        )
    return assigned


def associate(
    kept: Mapping[str, Mapping[str, Any]], floating_ip: dict[str, Any]
) -> None:
    """Give a floating IP the fixed address of its port, if it has one.

    :raises webob.exc.HTTPConflict: if the address has another floating IP;
        then this one has no port
    """
    port_id = floating_ip['port_id']
    others = [
        other
        for other in kept['floatingips'].values()
        if other['port_id'] == port_id and other is not floating_ip
    ]
    if port_id and others:
        floating_ip |= {'port_id': None, 'fixed_ip_address': None}
        raise webob.exc.HTTPConflict()
    port = kept['ports'].get(port_id)
    address = port['fixed_ips'][0]['ip_address'] if port else None
    floating_ip['fixed_ip_address'] = address


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
