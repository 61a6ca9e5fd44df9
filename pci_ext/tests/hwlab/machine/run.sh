#!/usr/bin/env bash
#
# Run tests on a machine with PCI devices, vfio and libvirt, all emulated.
#
#   pci_ext/tests/hwlab/machine/run.sh [--quick | TEST...]
#
# Without arguments, all tests of pci_ext.tests.hwlab are run. --quick omits
# slow tests: the services of Nova, and repeated attaches.
#
# A TEST is the name of a module, class or method as unittest takes it, from
# pci_ext.tests.hwlab on: test_inventory, test_attach.UnresponsiveGuestTest. The
# result is written as TAP; the status is not zero if a test failed. The logs of
# the machine and its services are in the folder "last" of the cache.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

# Seconds after which the machine is switched off.
LIMIT=${PCI_EXT_HWLAB_TIMEOUT:-3600}

QUICK=(
    test_inventory test_iommu_groups test_physical_functions
    test_attach.AttachTest.test_boot_and_destroy
    test_attach.AttachTest.test_refuses_a_device_of_another_guest
    test_attach.AttachTest.test_refuses_a_device_of_another_model
    test_attach.AttachTest.test_attaches_several_devices
    test_attach.UnresponsiveGuestTest
)

[ "${1:-}" != --quick ] || set -- "${QUICK[@]}"
mkdir -p "$CACHE"
lock
out=$CACHE/last
rm -rf "$out"
mkdir "$out"
printf '%s\n' "$@" > "$out/tests"
[ $# -gt 0 ] || : > "$out/tests"
mapfile -t built < <("$HERE/prepare.sh" "$out" || true)
[ ${#built[@]} -eq 2 ] || exit 1
system=${built[0]} python=${built[1]}

say "booting $("$(qemu)" --version | head -n 1)"
started=$SECONDS
timeout "$LIMIT" "$HERE/machine.sh" "$system" "$python" "$out" |
    tee "$out/result.tap" || say "the machine ended with status $?"
[ -d "$system/capabilities" ] || [ ! -d "$out/capabilities" ] ||
    cp -a "$out/capabilities" "$system"
say "the machine ran for $((SECONDS - started)) s; its logs are in $out"

# Planned tests without a result count as failed.
awk '/^1\.\./ { planned = substr($0, 4); plans++ }
    /^ok / { ok++ }
    /^ok .* # SKIP / { skipped++ }
    /^not ok / { failed++ }
    END {
        if (!planned) print "hwlab: error: no result: see the logs"
        printf "%d passed, %d failed", ok - skipped, planned - ok
        if (skipped) printf ", %d skipped", skipped
        print ""
        exit !(plans == 1 && planned && ok == planned && !failed)
    }' "$out/result.tap"
