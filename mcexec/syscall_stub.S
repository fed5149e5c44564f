/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * long mcexec_syscall(long nr, const uint64_t args[6])
 *
 * Executes a system call; its result or -errno.
 */
	.text
	.globl mcexec_syscall
	.hidden mcexec_syscall
	.type mcexec_syscall, @function
mcexec_syscall:
	.cfi_startproc
	mov %rdi, %rax
	mov %rsi, %rcx
	mov 0(%rcx), %rdi
	mov 8(%rcx), %rsi
	mov 16(%rcx), %rdx
	mov 24(%rcx), %r10
	mov 32(%rcx), %r8
	mov 40(%rcx), %r9
	syscall
	ret
	.cfi_endproc
	.size mcexec_syscall, . - mcexec_syscall

/*
 * uint64_t mcexec_load_word(uint64_t from)
 *
 * Eight bytes of the program's memory, all in one page; 0 if they are not readable: the handler of the fault
 * moves the instruction pointer from mcexec_load_word to mcexec_load_fault.
 */
	.globl mcexec_load_word
	.hidden mcexec_load_word
	.type mcexec_load_word, @function
mcexec_load_word:
	.cfi_startproc
	mov (%rdi), %rax
	ret
	.globl mcexec_load_fault
	.hidden mcexec_load_fault
mcexec_load_fault:
	xor %eax, %eax
	ret
	.cfi_endproc
	.size mcexec_load_word, . - mcexec_load_word

/*
 * long mcexec_copy_string(char *to, uint64_t from, size_t room)
 *
 * Copies a string of the program's up to and including its NUL: its length, or room if it has no NUL so far, or
 * -1 if it is not readable. The handler of the fault finds the instruction pointer at begin and moves it to
 * mcexec_copy_fault.
 */
	.globl mcexec_copy_string
	.hidden mcexec_copy_string
	.type mcexec_copy_string, @function
mcexec_copy_string:
	.cfi_startproc
	xor %eax, %eax
1:	cmp %rdx, %rax
	je 2f
	.globl mcexec_copy_begin
	.hidden mcexec_copy_begin
mcexec_copy_begin:
	movzbl (%rsi, %rax), %ecx
	mov %cl, (%rdi, %rax)
	test %cl, %cl
	je 2f
	inc %rax
	jmp 1b
2:	ret
	.globl mcexec_copy_fault
	.hidden mcexec_copy_fault
mcexec_copy_fault:
	mov $-1, %rax
	ret
	.cfi_endproc
	.size mcexec_copy_string, . - mcexec_copy_string
	.section .note.GNU-stack, "", @progbits
