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

"""The lock of Nova's connection to libvirt.

Nova tests its connection with the lock held. If that finds libvirtd gone,
libvirt calls back in the same thread, and with native threads Nova 34 takes
the lock there again: the thread waits for itself, and nova-compute for it at
each call of libvirt, until it is restarted.
"""

import threading

from nova.virt.libvirt import host

from pci_ext import exception

_LOCK = '_wrapped_conn_lock'


def make_reentrant(nova_host: host.Host) -> None:
    """Let the thread that has the lock take it again.

    To be called before the connection is used.

    :raises SeamChanged: if Nova has no such lock
    """
    found = getattr(nova_host, _LOCK, None)
    if not hasattr(found, 'acquire'):
        raise exception.SeamChanged(
            seam=f'nova.virt.libvirt.host.Host.{_LOCK}',
            expected='a lock',
            found=repr(found),
        )
    setattr(nova_host, _LOCK, threading.RLock())
