/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * long mcexec_syscall(const volatile uint64_t *interrupted, uint64_t token, long nr, const uint64_t args[6])
 *
 * Executes a system call, or returns -EINTR if *interrupted == token. The handler of the interrupt signal
 * sets *interrupted; and if it finds the instruction pointer in [begin, end) it moves it to
 * mcexec_syscall_abort, so that no interrupt is lost between the comparison and the SYSCALL instruction.
 * Behind SYSCALL (end) the call has happened and its result stands.
 */
	.text
	.globl mcexec_syscall
	.hidden mcexec_syscall
	.type mcexec_syscall, @function
mcexec_syscall:
	.cfi_startproc
	mov %rcx, %r10
	mov %rdi, %rcx
	mov %rsi, %r11
	mov %rdx, %rax
	mov 0(%r10), %rdi
	mov 8(%r10), %rsi
	mov 16(%r10), %rdx
	mov 32(%r10), %r8
	mov 40(%r10), %r9
	mov 24(%r10), %r10
	.globl mcexec_syscall_begin
	.hidden mcexec_syscall_begin
mcexec_syscall_begin:
	cmp (%rcx), %r11
	je mcexec_syscall_abort
	syscall
	.globl mcexec_syscall_end
	.hidden mcexec_syscall_end
mcexec_syscall_end:
	ret
	.globl mcexec_syscall_abort
	.hidden mcexec_syscall_abort
mcexec_syscall_abort:
	mov $-4, %rax /* -EINTR */
	ret
	.cfi_endproc
	.size mcexec_syscall, . - mcexec_syscall
	.section .note.GNU-stack, "", @progbits
