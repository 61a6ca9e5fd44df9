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

"""Several nova-computes in one process, with hosts that outlive it.

Nova expects one nova-compute in a process, and keeps the directory of its
state and the identity of its node globally.
"""

from collections.abc import Iterator
import contextlib
import os
from typing import Any

from nova import service
from nova.compute import rpcapi
import nova.conf
from nova.virt import driver
from nova.virt import node
from oslo_utils import uuidutils

CONF = nova.conf.CONF


def start(host: str, state_path: str) -> service.Service:
    """Start a nova-compute.

    :param host: name of its host, as in the hardware file
    :param state_path: the directory of its state
    """
    with _state_path(state_path):
        # If it were None, a thread of another nova-compute could create the
        # file of this one.
        node.LOCAL_NODE_UUID = _node_uuid()
        extra = {}
        # Nova 34 gave it a second topic, for graceful shutdown.
        if hasattr(rpcapi, 'RPC_TOPIC_ALT'):
            extra['topic_alt'] = rpcapi.RPC_TOPIC_ALT
        compute = service.Service.create(
            host=host, binary='nova-compute', topic=rpcapi.RPC_TOPIC, **extra
        )
        compute.start()
        _keep_node_uuid(compute.manager.driver)
    return compute


@contextlib.contextmanager
def _state_path(state_path: str) -> Iterator[None]:
    os.makedirs(state_path, exist_ok=True)
    CONF.set_override('state_path', state_path)
    try:
        yield
    finally:
        CONF.clear_override('state_path')


def _node_uuid() -> str:
    """Read the identity of a node, or create it."""
    uuid: str | None = node.read_local_node_uuid()
    if uuid is None:
        uuid = uuidutils.generate_uuid()
        node.write_local_node_uuid(uuid)
    return uuid


def _keep_node_uuid(compute_driver: driver.ComputeDriver) -> None:
    """Make a driver always report the node that it was started with."""
    node_uuid = node.get_local_node_uuid()
    report = compute_driver.get_available_resource

    def get_available_resource(nodename: str) -> dict[str, Any]:
        return {**report(nodename), 'uuid': node_uuid}

    def get_nodenames_by_uuid(refresh: bool = False) -> dict[str, str]:
        return {node_uuid: compute_driver.get_available_nodes()[0]}

    compute_driver.get_available_resource = get_available_resource
    compute_driver.get_nodenames_by_uuid = get_nodenames_by_uuid
