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

"""The demonstration, run by demo.sh after the installation."""

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time
from typing import Any

import demo_cloud
from demo_cloud import DemoError
from demo_cloud import say
from demo_cloud import table
import demo_member

from pci_ext.cmd.allinone import config

#: Name of a PCI flavor: its description, and its properties.
PCI_FLAVORS = {
    'a100': ('NVIDIA A100', ['vendor_id=10de', 'product_id=20b0']),
    'mi210': ('AMD Instinct MI210', ['vendor_id=1002']),
    'fast-vf': ('Virtual function of a 40 GbE card', ['product_id=154c']),
    'crypto': ('QuickAssist, two models', ['product_id=494[02]']),
    'nvme': ('NVMe disk of any vendor', ['product_id=a824|0a54']),
}

#: Name of a flavor: its request for PCI devices.
FLAVORS = {
    'gpu': '1:a100,mi210',
    'gpu-net': '1:a100;2:fast-vf',
    'vault': '1:crypto;1:nvme',
}

#: Name of a server: its flavor. They are booted one after the other.
SERVERS = {
    'render-1': 'gpu-net',
    'render-2': 'gpu',
    'render-3': 'gpu',
    'render-4': 'gpu',
    'vault-1': 'vault',
    'vault-2': 'vault',
}

#: The properties that distinguish pools in the table.
POOL_KEYS = ('vendor_id', 'product_id', 'dev_type')

#: A server without a host: there are only four GPUs.
TOO_MANY = ('render-5', 'gpu')


def make_flavors(cloud: demo_cloud.Cloud) -> None:
    say('Attributes of the devices, by which PCI flavors select')
    attributes = cloud.openstack('pci', 'attribute', 'list')
    print('    ' + ', '.join(str(row['Attribute']) for row in attributes))

    say('PCI flavors: names for kinds of devices')
    for name, (description, properties) in PCI_FLAVORS.items():
        options = ['--description', description]
        for each in properties:
            options += ['--property', each]
        cloud.openstack('pci', 'flavor', 'create', *options, name)

    say('Flavors that request them, with alternatives')
    for name, request in FLAVORS.items():
        options = ['--ram', '512', '--disk', '1', '--vcpus', '1']
        extra_spec = ['--property', f'pci_passthrough:pci_flavor={request}']
        cloud.openstack('flavor', 'create', *options, *extra_spec, name)


def boot(
    cloud: demo_cloud.Cloud, name: str, flavor: str, *options: str
) -> str:
    server = cloud.openstack(
        *('server', 'create', '--flavor', flavor, '--image', 'tiny'),
        *('--nic', 'none', *options, name),
    )
    return str(server['id'])


def boot_servers(cloud: demo_cloud.Cloud) -> dict[str, dict[str, Any]]:
    say('Servers')
    ids = {
        name: boot(cloud, name, flavor, '--wait')
        for name, flavor in SERVERS.items()
    }
    say('Devices of the servers')
    hosts = {
        row['Name']: row['Host']
        for row in cloud.openstack('server', 'list', '--long')
    }
    seen: dict[str, dict[str, Any]] = {}
    for name, server_id in ids.items():
        rows = cloud.openstack('server', 'pci', 'list', server_id, quiet=True)
        seen[name] = {
            'host': hosts[name],
            'request': FLAVORS[SERVERS[name]],
            'devices': [
                {key.lower().replace(' ', '_'): row[key] for key in row}
                for row in rows
            ],
        }
    table(
        ('server', 'requested', 'host', 'address', 'vendor:product'),
        (
            (
                *(name, server['request'], server['host']),
                device['address'],
                f'{device["vendor_id"]}:{device["product_id"]}',
            )
            for name, server in seen.items()
            for device in server['devices']
        ),
    )
    check_servers(seen)
    return seen


def check_servers(seen: dict[str, dict[str, Any]]) -> None:
    for name, server in seen.items():
        counts = re.findall(r'(\d+):', server['request'])
        if len(server['devices']) != sum(map(int, counts)):
            raise DemoError(
                f'{name} does not have its requested devices: {server}'
            )
    allocated = [
        (server['host'], device['address'])
        for server in seen.values()
        for device in server['devices']
    ]
    if len(allocated) != len(set(allocated)):
        raise DemoError(f'two servers have the same device: {allocated}')


def show_free_devices(cloud: demo_cloud.Cloud) -> list[dict[str, Any]]:
    say('Free devices')
    pools: list[dict[str, Any]] = cloud.openstack('pci', 'pool', 'list')
    table(
        ('host', 'pool', 'PCI flavors', 'free'),
        (
            (
                pool['Host'],
                *(
                    ' '.join(pool['Properties'][key] for key in POOL_KEYS),
                    ', '.join(pool['PCI Flavors']),
                    pool['Free'],
                ),
            )
            for pool in pools
        ),
    )
    gpus = [
        pool for pool in pools if {'a100', 'mi210'} & {*pool['PCI Flavors']}
    ]
    if len(gpus) != 3 or any(pool['Free'] for pool in gpus):
        raise DemoError(f'there should be no free GPU: {gpus}')
    return pools


def request_too_many_gpus(cloud: demo_cloud.Cloud) -> dict[str, Any]:
    say('A request for more GPUs than exist')
    server_id = boot(cloud, *TOO_MANY)
    deadline = time.monotonic() + 60
    while True:
        server = cloud.openstack('server', 'show', server_id, quiet=True)
        if server['status'] != 'BUILD':
            break
        if time.monotonic() > deadline:
            raise DemoError('the server stays in status BUILD')
    if server['status'] != 'ERROR':
        raise DemoError(f'the server is not refused: {server["status"]}')
    reason = str(server['fault']['message'])
    print(f'    {server["name"]} is in status ERROR: {reason}')
    if 'No valid host' not in reason:
        raise DemoError(f'another reason was expected: {reason}')
    lines = re.findall(rf'No host .*PCI flavor .*{server_id}.*', cloud.log())
    if not lines:
        raise DemoError('the log does not name the request without a host')
    print(f'    nova-scheduler writes into its log: {lines[-1]}', flush=True)
    hosts = cloud.openstack('pci', 'evaluate', FLAVORS[TOO_MANY[1]])
    table(hosts[0], (row.values() for row in hosts))
    if any(row['Fits'] for row in hosts):
        raise DemoError('a host fits, but the scheduler did not find it')
    return {
        'name': TOO_MANY[0],
        'reason': reason,
        'log': lines[-1],
        'hosts': hosts,
    }


def print_instructions(cloud: demo_cloud.Cloud) -> None:
    assert cloud.process is not None
    say('The services still run. To use them:')
    print(f"""
    export OS_CLIENT_CONFIG_FILE={cloud.data_dir}/clouds.yaml
    export OS_CLOUD=pci-ext        # or pci-ext-member, no administrator
    {demo_cloud.BIN}/openstack pci flavor list
    {demo_cloud.BIN}/openstack server list --long

Their configuration, databases and log are in {cloud.data_dir}.
To stop them: kill {cloud.process.pid}
""")


def run(cloud: demo_cloud.Cloud, json_file: str | None, keep: bool) -> None:
    started = time.monotonic()
    say('Starting Placement, nova-api, -conductor, -scheduler and three hosts')
    seen: dict[str, Any] = {'url': cloud.start()}
    make_flavors(cloud)
    seen['pci_flavors'] = cloud.openstack(
        'pci', 'flavor', 'list', '--long', quiet=True
    )
    seen['flavors'] = FLAVORS
    seen['servers'] = boot_servers(cloud)
    seen['left'] = show_free_devices(cloud)
    seen['refused'] = request_too_many_gpus(cloud)
    member = demo_cloud.Cloud(cloud.data_dir, demo_cloud.MEMBER)
    project = config.MEMBER_PROJECT
    seen['attached'] = demo_member.attach_and_detach(cloud, member)
    seen['limit'] = demo_member.limit(cloud, member, project)
    demo_member.private_flavor(cloud, member, project)
    if json_file:
        with open(json_file, 'w', encoding='utf-8') as stream:
            json.dump(seen, stream, indent=2)
        say(f'Written to {json_file}')
    if keep:
        print_instructions(cloud)
    else:
        say('Stopping')
        cloud.stop()
    say(f'All checks succeeded after {time.monotonic() - started:.0f} s')


def main() -> int:
    parser = argparse.ArgumentParser(prog='tools/demo.sh')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix='pci-ext-demo-'))
    cloud = demo_cloud.Cloud(directory / 'data')
    keep_data = False
    try:
        run(cloud, args.json, args.keep)
        keep_data = args.keep
    except (DemoError, OSError) as error:
        print(f'\ndemo.sh: {error}', file=sys.stderr)
        print(cloud.log()[-4000:], file=sys.stderr)
        return 1
    finally:
        if not keep_data:
            cloud.stop()
            shutil.rmtree(directory)
    return 0


if __name__ == '__main__':
    sys.exit(main())
