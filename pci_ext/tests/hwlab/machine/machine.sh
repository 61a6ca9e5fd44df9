#!/usr/bin/env bash
#
# Boots the emulated machine. With a nova.conf in the writable folder it becomes
# a compute host: it reaches this machine at 10.0.2.2, and its second serial
# port is the socket "shell" in the folder. Otherwise it runs the tests, and the
# port is the standard output.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

system=${1:?the folder of the system} python=${2:?that of the packages}
out=${3:?the folder that the machine may write to}

qemu=$(qemu)

# no_timer_check and tsc: an emulated clock fails the checks of the kernel.
append="console=ttyS0 quiet loglevel=4 panic=-1 intel_iommu=on iommu=pt \
mitigations=off tsc=reliable no_timer_check random.trust_cpu=on selinux=0 \
apparmor=0 audit=0 nokaslr"
tsc=$(python3 "$HERE/tsc.py")
[ -z "$tsc" ] || append+=" tsc_early_khz=$tsc"

# Nested virtualization of an emulated processor is not reliable: no svm.
machine=(
    -M q35,sata=off,smbus=off,i8042=off,kernel-irqchip=split
    -accel tcg,thread=multi,tb-size=512
    -cpu max,svm=off -smp 2 -m 3072
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$system/vmlinux" -initrd "$system/initrd" -append "$append"
    -serial "file:$out/console.log"
    -device intel-iommu,intremap=on,caching-mode=on
    -drive "file=$system/root.img,if=none,id=root,format=raw,snapshot=on"
    -device virtio-blk-pci,drive=root
    -drive "file=$python/python.img,if=none,id=python,format=raw,snapshot=on"
    -device virtio-blk-pci,drive=python
    -fsdev "local,id=project,path=$PROJECT,security_model=none,readonly=on"
    -device virtio-9p-pci,fsdev=project,mount_tag=project
    -fsdev "local,id=out,path=$out,security_model=none"
    -device virtio-9p-pci,fsdev=out,mount_tag=out
)

# Each root port forms a separate IOMMU group with its devices.
port() {
    machine+=(-device "pcie-root-port,id=port$1,chassis=$1,slot=$1")
}

nic() {
    machine+=(-netdev "user,id=net$1,restrict=on"
        -device "$2,netdev=net$1,mac=52:54:00:aa:00:0$1")
}

port 1
nic 1 e1000e,bus=port1
port 2
nic 2 e1000e,bus=port2
port 3
machine+=(
    -device nvme-subsys,id=subsystem
    -device "nvme,bus=port3,subsys=subsystem,serial=lab,sriov_max_vfs=4,\
sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=10,msix_qsize=9"
    -drive "if=none,id=null,driver=null-co,size=64M,read-zeroes=on"
    -device nvme-ns,drive=null
)
# Two functions of one card share a group.
port 4
nic 3 e1000e,bus=port4,addr=0.0,multifunction=on
nic 4 e1000e,bus=port4,addr=0.1
if "$qemu" -M none -device igb,help 2> /dev/null | grep -q '^igb options'; then
    port 5
    nic 5 igb,bus=port5
fi

if [ -e "$out/nova.conf" ]; then
    # The path of a socket must be short.
    cd "$out"
    machine+=(
        -serial unix:shell,server=on,wait=off
        -netdev user,id=management
        -device virtio-net-pci,netdev=management,mac=52:54:00:aa:01:00
    )
else
    machine+=(-serial stdio)
fi

exec "$qemu" "${machine[@]}" < /dev/null
