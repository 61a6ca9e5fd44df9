# A guest of 512 bytes: acknowledges every request to eject a PCI device, by
# the registers of ACPI PCI hotplug (QEMU, docs/specs/acpi_pci_hotplug), and
# sleeps until the next tick.
.set q35, 0x0cc0
.set pc, 0xae00

.code16
.globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7000, %sp
    sti
again:
    hlt
    movw $pc, %si
    call eject
    movw $q35, %si
    call eject
    jmp again

# Ejects the requested devices of 16 buses, by the registers at si.
eject:
    xorl %ecx, %ecx
1:  movw %si, %dx               # select a bus
    addw $0x10, %dx
    movl %ecx, %eax
    outl %eax, %dx
    movw %si, %dx               # the slots to be ejected
    addw $4, %dx
    inl %dx, %eax
    testl %eax, %eax
    jz 2f
    cmpl $-1, %eax              # no such machine
    je 2f
    movw %si, %dx               # eject
    addw $8, %dx
    outl %eax, %dx
2:  incw %cx
    cmpw $16, %cx
    jb 1b
    ret

# Nova refuses the image of a boot sector without a partition.
.org 446
    .byte 0x80, 0, 2, 0         # bootable
    .byte 0x83, 0, 2, 0
    .long 1, 2047

.org 510
.word 0xaa55
