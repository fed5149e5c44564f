/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries from user mode and interrupts, the way back, and the stack switch. The frame is
 * arch/trap_frame.hpp; CpuLocal begins with what is used here.
 */
#define CPU_KERNEL_STACK 8
#define CPU_USER_RSP 16
#define CPU_USER_RIP 24
#define CPU_USER_FLAGS 32
#define CPU_QUICK_SLOT 40
#define CPU_QUICK_CALLS 48
#define CPU_POSTED_SEQ 56
/* stillcore/slot.h */
#define SLOT_NR 4
#define SLOT_ARG 16
#define SLOT_ANSWER_SEQ 64
#define SLOT_PROXY_ASLEEP 68
#define SLOT_RESULT 72
#define NUM_CALLS 512
#define QUICK_POLLS 50
#define EINTR 4
#define ERESTARTSYS 512
#define FRAME_CS 144
#define DR6_NOTHING 0xffff0ff0
#define MSR_GS_BASE 0xc0000101
#define IST_STACK_SIZE 8192

.macro push_registers
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
.endm
.macro pop_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
.endm

/* The frame of a system call; RSP and RDI point to it. */
.macro push_syscall_frame
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_KERNEL_STACK, %rsp
	pushq $0x2b
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $0x33
	pushq %rcx
	pushq $0
	pushq %rax
	push_registers
	xorl %ebp, %ebp
	movq %rsp, %rdi
.endm

.text
.globl still_syscall_entry
still_syscall_entry:
	swapgs
	cmpq $NUM_CALLS, %rax
	jae enter_kernel
	cmpb $0, still_quick_calls(%rax)
	jne quick_call
enter_kernel:
	push_syscall_frame
	call still_syscall
leave_kernel:
	testl %eax, %eax
	jnz return_to_user
	/* Nobody rewrote the frame: R15..R12 and RBX are what they were, RCX and R11 are RIP and RFLAGS. */
	movq 32(%rsp), %rbp
	addq $48, %rsp
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	movq 40(%rsp), %rsp
	movq $0, %gs:CPU_USER_RSP
	swapgs
	sysretq

/*
 * A call that Linux gets unchanged, from a thread that has its CPU for itself: posted on its slot and answered by a
 * proxy that polls, without a stack and without a look at anything else. Interrupts are off, so nothing can happen to
 * the thread meanwhile. RCX, R11 and RAX may be used: they are RIP, RFLAGS and the number. Where it takes longer, or
 * the answer is one that restarts calls, the rest is done with a frame as usual: by still_syscall_posted().
 */
quick_call:
	movq %rcx, %gs:CPU_USER_RIP
	movq %gs:CPU_QUICK_SLOT, %rcx
	testq %rcx, %rcx
	jz 4f
	movq %r11, %gs:CPU_USER_FLAGS
	movl %eax, SLOT_NR(%rcx)
	movq %rdi, SLOT_ARG(%rcx)
	movq %rsi, (SLOT_ARG + 8)(%rcx)
	movq %rdx, (SLOT_ARG + 16)(%rcx)
	movq %r10, (SLOT_ARG + 24)(%rcx)
	movq %r8, (SLOT_ARG + 32)(%rcx)
	movq %r9, (SLOT_ARG + 40)(%rcx)
	movl $1, %r11d
	lock xaddl %r11d, (%rcx)
	incl %r11d
	cmpl $0, SLOT_PROXY_ASLEEP(%rcx)
	jne 3f
	movl $QUICK_POLLS, %eax
1:	pause
	cmpl %r11d, SLOT_ANSWER_SEQ(%rcx)
	je 2f
	decl %eax
	jnz 1b
	jmp 3f
2:	movq SLOT_RESULT(%rcx), %rax
	cmpq $-EINTR, %rax
	je 3f
	cmpq $-ERESTARTSYS, %rax
	jle 3f
	movq %gs:CPU_QUICK_CALLS, %rcx
	incq (%rcx)
	movq %gs:CPU_USER_RIP, %rcx
	movq %gs:CPU_USER_FLAGS, %r11
	swapgs
	sysretq
3:	movl %r11d, %gs:CPU_POSTED_SEQ
	movl SLOT_NR(%rcx), %eax
	movq %gs:CPU_USER_RIP, %rcx
	movq %gs:CPU_USER_FLAGS, %r11
	push_syscall_frame
	call still_syscall_posted
	jmp leave_kernel
4:	movq %gs:CPU_USER_RIP, %rcx
	jmp enter_kernel

/* RDI: frame, at the top of this thread's stack */
.globl still_enter_user
still_enter_user:
	movq %rdi, %rsp
return_to_user:
	pop_registers
	addq $16, %rsp
	movq $0, %gs:CPU_USER_RSP
	swapgs
.globl still_iret
still_iret:
	iretq

.globl still_vectors
.balign 16
still_vectors:
	.set i, 0
	.rept 256
	.balign 16
	.if (i != 8) && (i != 10) && (i != 11) && (i != 12) && (i != 13) && (i != 14) && (i != 17) && (i != 21)
	pushq $0
	.endif
	pushq $i
	.if i == 1
	jmp debug_trap
	.elseif (i == 2) || (i == 8) || (i == 18)
	jmp urgent
	.else
	jmp trap
	.endif
	.set i, i + 1
	.endr

/*
 * A debug exception, on a stack of its own: behind MOV SS it waits for the next instruction, which may be the first one
 * here, with the user's stack and GS (a data breakpoint on that MOV's operand). One that hits the kernel says nothing
 * of the program. One from the program goes on like all others.
 */
debug_trap:
	testb $3, 24(%rsp)
	jnz 1f
	pushq %rax
	movl $DR6_NOTHING, %eax
	movq %rax, %dr6
	popq %rax
	addq $16, %rsp
	iretq
1:	swapgs
	pushq %rax
	movq %rsp, %rax
	movq %gs:CPU_KERNEL_STACK, %rsp
	swapgs
	pushq 56(%rax)
	pushq 48(%rax)
	pushq 40(%rax)
	pushq 32(%rax)
	pushq 24(%rax)
	pushq 16(%rax)
	pushq 8(%rax)
	movq (%rax), %rax

trap:
	cld
	push_registers
	testb $3, FRAME_CS(%rsp)
	jz 1f
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
1:	/* the user's AC must not open user memory to us */
	pushfq
	andl $~0x40000, (%rsp)
	popfq
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call still_trap
	testb $3, FRAME_CS(%rsp)
	jnz return_to_user
	pop_registers
	addq $16, %rsp
	iretq

/* May hit anywhere, also between SWAPGS and its neighbours: the CPU's pointer lies at the stack's end. */
urgent:
	cld
	push_registers
	movl $MSR_GS_BASE, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, %r12
	movq %rsp, %rbx
	orq $(IST_STACK_SIZE - 1), %rbx
	movq -7(%rbx), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	pushfq
	andl $~0x40000, (%rsp)
	popfq
	xorl %ebp, %ebp
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $-16, %rsp
	call still_urgent_trap
	movq %rbx, %rsp
	movl $MSR_GS_BASE, %ecx
	movq %r12, %rax
	movq %r12, %rdx
	shrq $32, %rdx
	wrmsr
	pop_registers
	addq $16, %rsp
	iretq

.globl still_switch_stack
still_switch_stack:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* First code of a fresh stack: RBX entry, R12 argument (make_stack) */
.globl still_stack_start
still_stack_start:
	movq %r12, %rdi
	xorl %ebp, %ebp
	call *%rbx
	ud2

.section .note.GNU-stack, "", @progbits
