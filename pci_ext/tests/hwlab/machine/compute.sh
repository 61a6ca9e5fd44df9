#!/usr/bin/env bash
#
# Boots the machine as a compute host of a cloud on this one.
#
#   pci_ext/tests/hwlab/machine/compute.sh FOLDER
#
# FOLDER/nova.conf is what nova-compute goes by there; this machine, whose
# services listen on the loopback interface, is 10.0.2.2 for it. FOLDER/shell
# is a socket that a shell of root listens at, and the logs are there as well.
# Ends with the machine.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

out=$(readlink -f "${1:?the folder with nova.conf}")
[ -f "$out/nova.conf" ] || die "there is no $out/nova.conf"
mkdir -p "$CACHE"
lock
mapfile -t built < <("$HERE/prepare.sh" "$out" || true)
[ ${#built[@]} -eq 2 ] || exit 1
exec "$HERE/machine.sh" "${built[@]}" "$out"
