/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program for the tests inside the LWK: position independent, one page. RDI points to its data page.
 * Stores how many TSC ticks 1000 getpid calls and 1000 turns of an empty loop took, the least and the most of SAMPLES
 * times the same loop (words 4 and 5), and ends with exit_group(7).
 */
#define ROUNDS 1000
#define SAMPLES 500
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
	movq $-1, 32(%r14)
	movq $0, 40(%r14)
	movl $SAMPLES, %r13d
3:	rdtsc
	movl %eax, %r12d
	movl $ROUNDS, %ebx
4:	decl %ebx
	jnz 4b
	rdtsc
	subl %r12d, %eax
	movq 32(%r14), %rcx
	cmpq %rcx, %rax
	cmovbq %rax, %rcx
	movq %rcx, 32(%r14)
	movq 40(%r14), %rcx
	cmpq %rcx, %rax
	cmovaq %rax, %rcx
	movq %rcx, 40(%r14)
	decl %r13d
	jnz 3b
	movq $0x1234, 16(%r14)
	movl $231, %eax
	movl $7, %edi
	syscall
	ud2
still_test_user_code_end:
.section .note.GNU-stack, "", @progbits
