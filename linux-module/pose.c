// SPDX-License-Identifier: GPL-2.0-only
/*
 * A proxy thread stands for a thread of the program in a core file, which Linux makes from what the thread was
 * when it entered the kernel. Its x87 and vector registers, FS and GS it has set itself by now.
 */
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>

#include "os.h"
#include "proxy.h"

/* What a program may set (arch/x86/kernel/signal.c, FIX_EFLAGS). */
#define USER_FLAGS \
	(X86_EFLAGS_AC | X86_EFLAGS_OF | X86_EFLAGS_DF | X86_EFLAGS_TF | X86_EFLAGS_SF | \
	 X86_EFLAGS_ZF | X86_EFLAGS_AF | X86_EFLAGS_PF | X86_EFLAGS_CF | X86_EFLAGS_RF)

static void show(struct pt_regs *own, const struct still_registers *regs)
{
	own->r15 = regs->r15;
	own->r14 = regs->r14;
	own->r13 = regs->r13;
	own->r12 = regs->r12;
	own->bp = regs->rbp;
	own->bx = regs->rbx;
	own->r11 = regs->r11;
	own->r10 = regs->r10;
	own->r9 = regs->r9;
	own->r8 = regs->r8;
	own->cx = regs->rcx;
	own->dx = regs->rdx;
	own->si = regs->rsi;
	own->di = regs->rdi;
	own->orig_ax = regs->orig_rax;
	own->ip = regs->rip;
	own->flags = (own->flags & ~USER_FLAGS) | (regs->rflags & USER_FLAGS);
	own->sp = regs->rsp;
}

long still_pose(const struct still_pose __user *arg)
{
	struct still_pose pose;

	if (copy_from_user(&pose, arg, sizeof(pose)))
		return -EFAULT;
	if (pose.regs.rip >= TASK_SIZE_MAX)
		return -EINVAL;
	show(current_pt_regs(), &pose.regs);
	if (put_user(1, (u8 __user *)u64_to_user_ptr(pose.told)))
		return -EFAULT;
	for (;;) {
		set_current_state(TASK_KILLABLE);
		if (fatal_signal_pending(current))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	/* It ends on its way out, before which the number goes to its RAX. */
	return pose.regs.rax;
}
