#!/usr/bin/env bash
#
# Run tests on a machine with PCI devices, vfio and libvirt, all emulated.
#
#   tools/hwlab/run.sh [--quick | TEST...]
#
# Without arguments, all of pci_ext.tests.hwlab; --quick leaves out what takes
# long: the services of Nova, and attaches by the dozen.
#
# A TEST is the name of a module, class or method as unittest takes it, from
# pci_ext.tests.hwlab on: test_inventory, test_attach.CyclesTest. The result is
# written as TAP; the status is not zero if a test failed. What the machine
# and its services logged is in the folder "last" of the cache.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

# Seconds after which the machine is switched off.
LIMIT=${PCI_EXT_HWLAB_TIMEOUT:-3600}

QUICK=(
    test_inventory test_iommu_groups test_physical_functions
    test_attach.AttachTest.test_{boot_and_destroy,held_by_another_guest,several}
    test_attach.DeafGuestTest
)

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

[ "${1:-}" != --quick ] || set -- "${QUICK[@]}"
check_packages
mkdir -p "$CACHE"
exec 9> "$CACHE/lock"
flock --nonblock 9 || die "the lab is in use: $CACHE/lock"
mapfile -t built < <("$HERE/build.sh" || true)
[ ${#built[@]} -eq 2 ] || exit 1
system=${built[0]} python=${built[1]}

out=$CACHE/last
rm -rf "$out"
mkdir "$out"
printf '%s\n' "$@" > "$out/tests"
[ $# -gt 0 ] || : > "$out/tests"
as --32 -o "$out/eject.o" "$HERE/eject.S"
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$out/eject.img" \
    "$out/eject.o"
truncate -s 1M "$out/eject.img"
[ ! -d "$system/capabilities" ] || cp -a "$system/capabilities" "$out"

say "booting $("$(qemu)" --version | head -n 1)"
started=$SECONDS
timeout "$LIMIT" "$HERE/machine.sh" "$system" "$python" "$out" |
    tee "$out/result.tap" || say "the machine ended with status $?"
[ -d "$system/capabilities" ] || [ ! -d "$out/capabilities" ] ||
    cp -a "$out/capabilities" "$system"
say "the machine ran for $((SECONDS - started)) s; its logs are in $out"

# Passed is what the plan has, and not what there happens to be.
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
