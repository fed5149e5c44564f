/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory accesses. Each access instruction has a row in .still_fixups {instruction, continuation};
 * STAC and CLAC are listed in .still_patches and become NOPs on a CPU without SMAP.
 */
.macro open
77:	stac
	.pushsection .still_patches, "a"
	.quad 77b
	.popsection
.endm
.macro close
78:	clac
	.pushsection .still_patches, "a"
	.quad 78b
	.popsection
.endm
.macro fixup from, to
	.pushsection .still_fixups, "a"
	.quad \from, \to
	.popsection
.endm

.text
.globl still_user_copy_in, still_user_copy_out
still_user_copy_in:
still_user_copy_out:
	movq %rdx, %rcx
	open
1:	rep movsb
2:	close
	movq %rcx, %rax
	ret
	fixup 1b, 2b

.globl still_user_clear
still_user_clear:
	movq %rsi, %rcx
	xorl %eax, %eax
	open
1:	rep stosb
2:	close
	movq %rcx, %rax
	ret
	fixup 1b, 2b

.globl still_user_cmpxchg32
still_user_cmpxchg32:
	movl %esi, %eax
	movq %rcx, %r8
	open
1:	lock cmpxchgl %edx, (%rdi)
	close
	movl %eax, (%r8)
	xorl %eax, %eax
	ret
2:	close
	movl $1, %eax
	ret
	fixup 1b, 2b

.globl still_user_load32
still_user_load32:
	open
1:	movl (%rdi), %ecx
	close
	movl %ecx, (%rsi)
	xorl %eax, %eax
	ret
2:	close
	movl $1, %eax
	ret
	fixup 1b, 2b

.section .note.GNU-stack, "", @progbits
