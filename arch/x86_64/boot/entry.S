/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way into the image. Beside Linux: entry64, position independent, anywhere in the first
 * 512 GiB (stillcore/boot_block.h). Alone: multiboot2 or PVH, 32-bit, at the linked address; identity
 * tables for the first 4 GiB, then the same way on. Other CPUs: the trampoline page, then entry64_ap.
 */
#define KERNEL_BASE 0xffffffff80000000
#define STILL_MAGIC_LOW 0x6c6c6974
#define STILL_MAGIC_HIGH 0x65726f63
#define IMAGE_2M_PAGES 16

.section .boot.header, "a"
.balign 8
multiboot2:
	.long 0xe85250d6, 0, multiboot2_end - multiboot2, -(0xe85250d6 + multiboot2_end - multiboot2)
	.short 3, 0 /* entry address */
	.long 12, start32_multiboot
	.balign 8
	.short 5, 1 /* frame buffer, if there is one: its size does not matter */
	.long 20, 0, 0, 32
	.balign 8
	.short 0, 0
	.long 8
multiboot2_end:

.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32_pvh

.section .note.stillcore, "a", @note
	.balign 4
	.long 10, 24, 1
	.asciz "Stillcore"
	.balign 4
	.long STILL_MAGIC_LOW, STILL_MAGIC_HIGH
	.long 8, 0 /* STILL_REVISION; ihkosctl refuses to boot an image that was built with another */
	.quad entry64

.section .boot.text, "ax"
.code32
.globl start32_multiboot
start32_pvh:
	movl $0x336ec578, %eax
start32_multiboot:
	cli
	cld
	movl %eax, %esi
	movl %ebx, %edi
	/* identity: 4 x 512 large pages */
	movl $(low_pdpt + 3), low_pml4
	movl $0, low_pml4 + 4
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $12, %eax
	addl $(low_pd + 3), %eax
	movl %eax, low_pdpt(, %ecx, 8)
	incl %ecx
	cmpl $4, %ecx
	jne 1b
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, low_pd(, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jne 2b
	movl $low_pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax /* LME, NXE */
	wrmsr
	movl %cr0, %eax
	andl $0x9ffffffb, %eax
	orl $0x80010023, %eax
	movl %eax, %cr0
	lgdt low_gdt_pointer
	ljmp $8, $entry64_alone

.code64
entry64_alone:
	movl %esi, %esi
	movl %edi, %edi
	jmp enter_high

/* RDI: boot block. CR3 maps low memory one to one. */
.globl entry64
entry64:
	cli
	cld
	xorl %esi, %esi
enter_high: /* RDI: information, RSI: loader's magic or 0 */
	leaq multiboot2(%rip), %rbx /* physical address of the image */
	andq $-0x200000, %rbx
	/* keep low memory as it is mapped now */
	movq %cr3, %rax
	andq $-4096, %rax
	movq (%rax), %rcx
	leaq boot_pml4(%rip), %rdx
	movq %rcx, (%rdx)
	leaq boot_pdpt(%rip), %rcx
	leaq 3(%rcx), %rax
	movq %rax, 511*8(%rdx)
	leaq boot_pd(%rip), %r8
	leaq 3(%r8), %rax
	movq %rax, 510*8(%rcx)
	/* the image, linked at KERNEL_BASE + 2 MiB */
	movl $1, %ecx
	leaq 0x83(%rbx), %rax
3:	movq %rax, (%r8, %rcx, 8)
	addq $0x200000, %rax
	incl %ecx
	cmpl $(IMAGE_2M_PAGES + 1), %ecx
	jne 3b
	movq %rdx, %cr3
	movq $boot_stack_top, %rsp
	movq %rbx, %rdx
	movq $still_main, %rax
	xorl %ebp, %ebp
	pushq $0
	jmp *%rax

/* Another CPU, in long mode on the low tables. R8: physical address of the kernel's root (from the trampoline). */
.globl entry64_ap
entry64_ap:
	movq %cr4, %rax
	testl $0x1000, %eax /* five levels: the low tables have the image, too */
	jnz 1f
	leaq boot_pml4(%rip), %rax /* low memory and the image: valid before and after the jump */
	movq %rax, %cr3
1:	movq $ap_high, %rax
	jmp *%rax

.section .text
ap_high:
	movq %r8, %cr3
	movl $1, %edi
	lock xaddl %edi, ap_ticket
	movl %edi, %edi
	movq ap_stacks(, %rdi, 8), %rsp
	xorl %ebp, %ebp
	pushq $0
	jmp still_secondary_main

/* The trampoline page: copied below 1 MiB. Real mode, CS = page >> 4. */
.section .rodata
.balign 16
.globl ap_trampoline, ap_trampoline_end, ap_trampoline_cr3, ap_trampoline_root, ap_trampoline_entry, ap_trampoline_cr4
.globl ap_trampoline_far32, ap_trampoline_far64, ap_trampoline_gdt_pointer
#define T(x) ((x) - ap_trampoline)
.code16
ap_trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movzwl %ax, %ebx
	shll $4, %ebx
	lgdtl T(ap_trampoline_gdt_pointer)
	movl %cr0, %eax
	andl $0x9fffffff, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *T(ap_trampoline_far32)
.code32
ap_32:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl %cr4, %eax
	orl T(ap_trampoline_cr4)(%ebx), %eax
	movl %eax, %cr4
	movl T(ap_trampoline_cr3)(%ebx), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl %cr0, %eax
	andl $0x9ffffffb, %eax
	orl $0x80010023, %eax
	movl %eax, %cr0
	ljmpl *T(ap_trampoline_far64)(%ebx)
.code64
ap_64:
	movl %ebx, %ebx
	movq T(ap_trampoline_root)(%rbx), %r8
	movq T(ap_trampoline_entry)(%rbx), %rax
	jmp *%rax
.balign 8
ap_trampoline_cr3: .quad 0
ap_trampoline_root: .quad 0
ap_trampoline_entry: .quad 0
ap_trampoline_cr4: .quad 0x620 /* PAE, OSFXSR, OSXMMEXCPT */
ap_trampoline_far32: .long T(ap_32) /* += page */
	.word 0x18, 0
ap_trampoline_far64: .long T(ap_64) /* += page */
	.word 0x08, 0
ap_trampoline_gdt_pointer: .word 31
	.long T(ap_gdt) /* += page */
	.word 0
.balign 8
ap_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
ap_trampoline_end:

/*
 * Likewise copied to that page and called there, which is mapped one to one. EDI: physical address, below 4 GiB, of a
 * top-level table of five levels that maps what is mapped now. LA57 can be set only without paging, so from 32-bit
 * code (SDM vol. 3, 4.1.2), whose registers have no upper halves.
 */
.balign 16
.globl five_levels_start, five_levels_end
.code64
five_levels_start:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	leaq five_levels_start(%rip), %rsi
	movq %rsp, five_levels_stack(%rip)
	leaq five_levels_gdt(%rip), %rax
	movq %rax, five_levels_gdt_pointer + 2(%rip)
	lgdt five_levels_gdt_pointer(%rip)
	leaq five_levels_64(%rip), %rax
	movl %eax, five_levels_far64(%rip)
	pushq $0x18
	leaq five_levels_32(%rip), %rax
	pushq %rax
	lretq
.code32
five_levels_32:
	movl $0x10, %eax
	movw %ax, %ds
	movw %ax, %ss
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl %cr4, %eax
	orl $0x1000, %eax
	movl %eax, %cr4
	movl %edi, %cr3
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	ljmpl *(five_levels_far64 - five_levels_start)(%esi)
.code64
five_levels_64:
	movq five_levels_stack(%rip), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
.balign 8
five_levels_stack: .quad 0
five_levels_far64: .long 0 /* five_levels_64 */
	.word 0x08, 0
five_levels_gdt_pointer: .word 31
	.quad 0 /* five_levels_gdt */
.balign 8
five_levels_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
five_levels_end:

.section .boot.data, "aw"
.balign 16
low_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
low_gdt_pointer: .short 23
	.long low_gdt, 0
.balign 4096
.globl low_pml4, boot_pml4
low_pml4: .skip 4096
low_pdpt: .skip 4096
low_pd: .skip 4 * 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd: .skip 4096

.section .bss
.balign 4096
.skip 16384
boot_stack_top:
.globl ap_stacks, ap_ticket
.balign 8
ap_stacks: .skip 8 * 256

.section .data
.balign 8
ap_ticket: .quad 1 /* the first CPU has stack 0 */

.section .note.GNU-stack, "", @progbits
