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

"""A second nova-api of an all-in-one, killed when it calls nova-compute.

The module is run with the data directory of the all-in-one, a configuration
file of Nova, the path of a request and its body.
"""

import os
import signal
import subprocess
import sys
from typing import Any

from pci_ext.tests.functional import process

TIMEOUT = 120


def send(cloud: process.AllInOne, path: str, body: str) -> str:
    """Send a request to a nova-api that is killed while it serves it.

    :returns: the request id
    """
    ended = subprocess.run(
        [
            *(sys.executable, '-m', __name__),
            *(cloud.data_dir, cloud.config_file, path, body),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if ended.returncode != -signal.SIGKILL:
        raise AssertionError(f'nova-api was not killed: {ended}')
    return ended.stdout.strip()


def _kill_process(api: Any, context: Any, *args: Any, **kwargs: Any) -> None:
    sys.stdout.write(context.request_id)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def main(data_dir: str, config_file: str, path: str, body: str) -> str:
    """Serve one request.

    :returns: the response, if the process was not killed
    """
    sys.argv[1:] = []
    from nova import monkey_patch

    monkey_patch.patch(backend='threading')
    from nova.api.openstack import wsgi_app
    import webob

    from pci_ext.cmd.allinone import sqlite
    from pci_ext.compute import rpcapi

    sqlite.install_locking()
    os.environ['OS_NOVA_CONFIG_DIR'] = data_dir
    os.environ['OS_NOVA_CONFIG_FILES'] = ';'.join(
        ('api-paste.ini', 'nova.conf', config_file)
    )
    rpcapi.ComputeAPI._call = _kill_process
    application = wsgi_app.init_application(
        'osapi_compute', 'nova-api-os-compute'
    )
    request = webob.Request.blank(
        f'/v2.1{path}',
        method='POST',
        body=body.encode(),
        content_type='application/json',
        headers={
            'X-Auth-Token': process.TOKENS['pci-ext'],
            'OpenStack-API-Version': 'compute 2.96',
        },
    )
    return str(request.get_response(application))


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
