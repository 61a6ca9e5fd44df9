# shellcheck shell=bash
# Sourced by the scripts of the hardware lab: where things are, and how to say
# what happens.

set -euo pipefail

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034 # these are for those that source this
PROJECT=$(readlink -f "$HERE/../../../..")
# shellcheck disable=SC2034
CACHE=${PCI_EXT_HWLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pci_ext/hwlab}

# Debian 12: its Python 3.11 is the oldest that pci_ext runs on.
# shellcheck disable=SC2034
SUITE=bookworm

# Progress, as a comment in TAP.
say() {
    printf '# %s\n' "$*"
}

die() {
    printf 'hwlab: error: %s\n' "$*" >&2
    exit 1
}

# Keeps other commands away from the cache, for as long as this one runs.
lock() {
    exec 9> "$CACHE/lock"
    flock --nonblock 9 || die "the lab is in use: $CACHE/lock"
}

# The mirror that this machine uses, if it is a Debian; else that of
# debootstrap.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -m1 -E '/debian/?$' ||
        sed -n 's/^DEF_MIRROR="\(.*\)"$/\1/p' "$(command -v debootstrap)"
}

# The QEMU that emulates the machine: one that is named, a newer one that was
# built, or that of this machine.
qemu() {
    if [ -n "${PCI_EXT_HWLAB_QEMU:-}" ]; then
        printf '%s\n' "$PCI_EXT_HWLAB_QEMU"
    elif [ -x "$CACHE/qemu/run" ]; then
        printf '%s\n' "$CACHE/qemu/run"
    else
        echo qemu-system-x86_64
    fi
}
