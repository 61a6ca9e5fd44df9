#!/usr/bin/env bash
#
# Boots the machine as a compute host of a cloud on this machine.
#
#   pci_ext/tests/hwlab/machine/compute.sh FOLDER
#
# FOLDER/nova.conf is the configuration of nova-compute. It reaches services on
# the loopback interface of this machine at 10.0.2.2. FOLDER/shell is the socket
# of a root shell. The logs are in FOLDER too.
# Ends with the machine.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

out=$(readlink -f "${1:?the folder with nova.conf}")
[ -f "$out/nova.conf" ] || die "there is no $out/nova.conf"
mkdir -p "$CACHE"
lock
mapfile -t built < <("$HERE/prepare.sh" "$out" || true)
[ ${#built[@]} -eq 2 ] || exit 1
exec "$HERE/machine.sh" "${built[@]}" "$out"
