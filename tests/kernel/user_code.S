/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program for the tests inside the LWK: position independent, one page. RDI points to its data page.
 * Stores how many TSC ticks 1000 getpid calls and 1000 turns of an empty loop took, touches memory beyond its
 * area if word 3 says so, and ends with exit_group(7).
 */
#define ROUNDS 1000
.section .rodata
.globl still_test_user_code, still_test_user_code_end
.balign 16
still_test_user_code:
	movq %rdi, %r14
	movl $39, %eax
	syscall
	movq %rax, 24(%r14)
	rdtsc
	movl %eax, %r12d
	movl $ROUNDS, %ebx
1:	movl $39, %eax
	syscall
	decl %ebx
	jnz 1b
	rdtsc
	subl %r12d, %eax
	movq %rax, (%r14)
	rdtsc
	movl %eax, %r12d
	movl $ROUNDS, %ebx
2:	movl $39, %eax
	decl %ebx
	jnz 2b
	rdtsc
	subl %r12d, %eax
	movq %rax, 8(%r14)
	movq $0x1234, 16(%r14)
	movl $231, %eax
	movl $7, %edi
	syscall
	ud2
still_test_user_code_end:
.section .note.GNU-stack, "", @progbits
