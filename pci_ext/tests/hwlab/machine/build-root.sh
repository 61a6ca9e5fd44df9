#!/usr/bin/env bash
#
# Builds the root file system of the machine, in the folder given: Debian's
# kernel, libvirt, QEMU and Python.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

root=${1:?the folder to build in}

# linux-image-amd64: the kernel for clouds lacks e1000e, igb and 9p.
# python3-libvirt: the binding of the libvirt that runs in the machine.
packages=(
    linux-image-amd64
    libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils seabios
    python3 python3-libvirt
    busybox-static iproute2 kmod pciutils procps udev
)

in_root() {
    # The kernel's own initrd, which INITRD is about, takes minutes to make.
    DEBIAN_FRONTEND=noninteractive INITRD=No LC_ALL=C.UTF-8 \
        chroot "$root" "$@"
}

mirror=$(mirror)
mirror=${mirror%/}
debootstrap --variant=minbase "$SUITE" "$root" "$mirror"
printf 'deb %s %s main\n' "$mirror" "$SUITE" "$mirror-security" \
    "$SUITE-security" > "$root/etc/apt/sources.list"
# Nothing is to be started on this machine.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
in_root apt-get update -q
in_root apt-get install -q --yes --no-install-recommends "${packages[@]}"
rm "$root/usr/sbin/policy-rc.d"
in_root apt-get clean
rm -rf "$root"/var/lib/apt/lists/*

# Left out of the image, which is read under emulation: what this machine
# never uses. Loading a driver for each device found takes long, and
# 80-drivers.rules asks for it.
rm -rf "$root"/usr/share/{doc,man,locale,i18n} \
    "$root"/usr/lib/udev/rules.d/80-drivers.rules \
    "$root"/usr/bin/qemu-system-i386 "$root"/boot/initrd.img* \
    "$root"/usr/lib/modules/*/kernel/sound \
    "$root"/usr/lib/modules/*/kernel/drivers/{gpu,infiniband,isdn,media} \
    "$root"/usr/lib/modules/*/kernel/drivers/{net/wireless,staging}
for modules in "$root"/usr/lib/modules/*; do
    in_root depmod "$(basename "$modules")"
done
