#!/usr/bin/env bash
#
# Builds the images of the machine, and prints the folders of the system and of
# the Python packages. Writes the boot sector of guests into the folder of the
# argument, and the capabilities of QEMU that libvirt found in earlier runs.
# Progress is written to the standard error.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

out=${1:?the folder that the machine may write to}

check_packages() {
    local missing=() command package
    while read -r command package; do
        command -v "$command" > /dev/null || missing+=("$package")
    done <<'END'
qemu-system-x86_64 qemu-system-x86
debootstrap debootstrap
cpio cpio
zstd zstd
mke2fs e2fsprogs
as binutils
unshare util-linux
python3 python3
END
    python3 -m pip --version > /dev/null 2>&1 || missing+=(python3-pip)
    [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}; install with:" \
        "apt-get install --no-install-recommends ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || die "only root can build the machine's disk"
}

check_packages
mapfile -t built < <("$HERE/build.sh" || true)
[ ${#built[@]} -eq 2 ] || exit 1
as --32 -o "$out/eject.o" "$HERE/eject.S"
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$out/eject.img" \
    "$out/eject.o"
truncate -s 1M "$out/eject.img"
[ ! -d "${built[0]}/capabilities" ] || cp -a "${built[0]}/capabilities" "$out"
printf '%s\n' "${built[@]}"
