# shellcheck shell=bash
# Sourced by the scripts of the hardware lab: where things are, and how to say
# what happens.

set -euo pipefail

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034 # these are for those that source this
PROJECT=$(readlink -f "$HERE/../..")
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
