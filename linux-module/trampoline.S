/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the SIPI to the LWK's 64-bit entry. Copied to a page below 1 MiB and run there, so every address
 * is an offset from still_trampoline_start plus the page, which real mode gives as CS << 4. Needs no
 * stack. What it must leave behind is stated in stillcore/boot_block.h.
 */
#include <linux/linkage.h>

#define OFFSET(label) ((label) - still_trampoline_start)
#define CODE32 0x08
#define DATA 0x10
#define CODE64 0x18

	.section .rodata, "a"
	.balign 16
	.globl still_trampoline_start, still_trampoline_args, still_trampoline_end

	.code16
still_trampoline_start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	xorl	%ebx, %ebx
	movw	%ax, %bx
	shll	$4, %ebx
	/* the page's address into everything that needs a linear one */
	addl	%ebx, OFFSET(far_pointer32)
	addl	%ebx, OFFSET(far_pointer64)
	addl	%ebx, OFFSET(gdt_pointer) + 2
	lgdtl	OFFSET(gdt_pointer)
	movl	%cr0, %eax
	andl	$0x9fffffff, %eax	/* CD and NW, which INIT sets */
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	*OFFSET(far_pointer32)

	.code32
protected_mode:
	movw	$DATA, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x20, %eax		/* CR4.PAE and nothing else */
	movl	%eax, %cr4
	movl	OFFSET(still_trampoline_args)(%ebx), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax		/* EFER.LME, NXE: the LWK's tables may use it at once */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	*OFFSET(far_pointer64)(%ebx)

	.code64
long_mode:
	movw	$DATA, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	xorl	%eax, %eax
	movw	%ax, %fs
	movw	%ax, %gs
	movl	%ebx, %ebx
	movq	OFFSET(still_trampoline_args) + 16(%rbx), %rdi
	movq	OFFSET(still_trampoline_args) + 8(%rbx), %rax
	jmp	*%rax

	.balign 8
still_trampoline_args:
	.quad	0, 0, 0			/* struct still_trampoline_args */
far_pointer32:
	.long	OFFSET(protected_mode)
	.word	CODE32, 0
far_pointer64:
	.long	OFFSET(long_mode)
	.word	CODE64, 0
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	OFFSET(gdt)
	.balign 8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00af9b000000ffff
gdt_end:
still_trampoline_end:
	.section .note.GNU-stack, "", @progbits
