#!/usr/bin/env bash
#
# Creates a second host on the emulated machine: another libvirtd in separate
# namespaces, at qemu+tcp://lab-2/system. It shares kernel, devices and files
# with the first host. Ends when libvirtd responds.

set -euo pipefail

if [ "${1:-}" != inside ]; then
    ip link add lab-1 type veth peer name lab-2
    ip addr add 10.9.0.1/24 dev lab-1
    ip link set lab-1 up
    # The second libvirtd must not probe the capabilities of QEMU again.
    cp -a /var/cache/libvirt/qemu/capabilities /run/capabilities
    unshare --mount --net --uts "$0" inside &
    for _ in $(seq 300); do
        [ -e /run/second-host ] && break
        sleep 0.2
    done
    ip link set lab-2 netns $!
    for _ in $(seq 300); do
        virsh -q -c qemu+tcp://lab-2/system uri > /dev/null 2>&1 && exit
        sleep 0.2
    done
    exit 1
fi

mount --make-rprivate /
hostname lab-2
for folder in /run/libvirt /var/{cache,lib,log}/libvirt; do
    mount -t tmpfs tmpfs "$folder"
done
mkdir -p /var/{cache,lib}/libvirt/qemu
cp -a /run/capabilities /var/cache/libvirt/qemu
cp -a /etc/libvirt /run/second-host.etc
mount --bind /run/second-host.etc /etc/libvirt
sed -i '/^listen_addr/d; s/libvirtd.log/libvirtd-2.log/' \
    /etc/libvirt/libvirtd.conf
cat >> /etc/libvirt/libvirtd.conf <<'CONF'
listen_addr = "10.9.0.2"
host_uuid = "22222222-2222-4222-8222-222222222222"
CONF
ip link set lo up
: > /run/second-host
until ip link show lab-2 > /dev/null 2>&1; do
    sleep 0.2
done
ip addr add 10.9.0.2/24 dev lab-2
ip link set lab-2 up
exec libvirtd --listen --pid-file /run/libvirtd-2.pid \
    < /dev/null > /dev/null 2>&1
