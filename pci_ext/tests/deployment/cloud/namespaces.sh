#!/bin/sh
#
# Tell whether this machine lets root make a host of a deployment: namespaces,
# with mounts, a name and interfaces of their own, and a file system that a
# process of theirs serves. Says what it does not let.

PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" -eq 0 ] || {
    echo 'Only root may give hosts namespaces of their own.' >&2
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
    echo 'Hosts cannot have namespaces of their own here.' >&2
    exit 1
}
