#!/usr/bin/env bash
#
# Makes of a root file system what the machine boots: kernel, initramfs, disk,
# and the boot sector of its guests.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

root=${1:?the root file system} out=${2:?the folder to write to}

version=$(basename "$root"/usr/lib/modules/*)

# The modules that the disk and the shares need, with what these depend on, in
# the order to load them.
modules() {
    local module
    for module in virtio_pci virtio_blk ext4 9pnet_virtio 9p; do
        chroot "$root" modprobe --set-version "$version" --show-depends \
            "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

initramfs() {
    local tree number=100 module
    tree=$(mktemp -d "$out/initramfs.XXXX")
    mkdir "$tree"/{bin,dev,modules,newroot,proc,sys}
    cp "$root/bin/busybox" "$tree/bin"
    install "$HERE/initramfs-init" "$tree/init"
    while read -r module; do
        cp "$root$module" "$tree/modules/$number-$(basename "$module")"
        number=$((number + 1))
    done < <(modules)
    (cd "$tree" && find . | cpio --quiet -o -H newc) > "$out/initrd"
    rm -rf "$tree"
}

python3 "$HERE/extract_kernel.py" "$root/boot/vmlinuz-$version" "$out/vmlinux"
initramfs
"$HERE/make-disk.sh" "$root" "$out/root.img"
