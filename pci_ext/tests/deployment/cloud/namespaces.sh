#!/bin/sh
#
# Checks whether root can create a host of a deployment on this machine:
# namespaces with separate mounts, host name and network interfaces, and a file
# system in user space. Writes the reason if not.

PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" -eq 0 ] || {
    echo 'Only root can create namespaces for hosts.' >&2
    exit 1
}
[ -c /dev/fuse ] || {
    echo 'Hosts cannot share a file system here: there is no /dev/fuse.' >&2
    exit 1
}
unshare --mount --uts --net --propagation private sh -ec '
    hostname pci-ext-host
    mount --bind /tmp /tmp
    ip link set lo up
' || {
    echo 'Namespaces for hosts cannot be created here.' >&2
    exit 1
}
