// SPDX-License-Identifier: GPL-2.0-only
/*
 * A proxy thread whose thread has ended may serve the next one that starts, if it is just what Linux's clone() would
 * make: nothing that Linux keeps for a thread is other than its creator's. What is shared is compared by its address:
 * who changes credentials, for one, gets new ones. Threads of other creators, and what other programs have done to
 * the proxy thread meanwhile, are seen that way as well.
 *
 * Of the security modules' own data for a thread (AppArmor's profile for the next exec) nothing is seen.
 */
#include <linux/audit.h>
#include <linux/cred.h>
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "proxy.h"

static bool same_rights(const struct task_struct *a, const struct task_struct *b)
{
	bool same;

	rcu_read_lock();
	same = rcu_access_pointer(a->cred) == rcu_access_pointer(b->cred) &&
	       rcu_access_pointer(a->real_cred) == rcu_access_pointer(b->real_cred);
#ifdef CONFIG_CGROUPS
	same = same && rcu_access_pointer(a->cgroups) == rcu_access_pointer(b->cgroups);
#endif
	rcu_read_unlock();
#ifdef CONFIG_AUDIT
	same = same && uid_eq(a->loginuid, b->loginuid) && a->sessionid == b->sessionid;
#endif
	return same && a->atomic_flags == b->atomic_flags && a->personality == b->personality;
}

static bool same_belongings(const struct task_struct *a, const struct task_struct *b)
{
	return a->signal == b->signal && a->mm == b->mm && a->fs == b->fs && a->files == b->files &&
	       a->nsproxy == b->nsproxy && a->sysvsem.undo_list == b->sysvsem.undo_list;
}

static bool same_scheduling(const struct task_struct *a, const struct task_struct *b)
{
#ifdef CONFIG_UCLAMP_TASK
	if (memcmp(a->uclamp_req, b->uclamp_req, sizeof(a->uclamp_req)))
		return false;
#endif
#ifdef CONFIG_SCHED_CORE
	if (a->core_cookie != b->core_cookie)
		return false;
#endif
#ifdef CONFIG_NUMA
	if (a->mempolicy || b->mempolicy)
		return false;
#endif
	return a->policy == b->policy && a->static_prio == b->static_prio &&
	       a->rt_priority == b->rt_priority && cpumask_equal(&a->cpus_mask, &b->cpus_mask) &&
	       !a->sched_reset_on_fork && !b->sched_reset_on_fork;
}

/* A new thread's slack, and the one that it may come back to, are what its creator has. */
static bool same_settings(const struct task_struct *a, const struct task_struct *b)
{
	const unsigned int flags =
		PF_MCE_PROCESS | PF_MCE_EARLY | PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE;

	return (a->flags & flags) == (b->flags & flags) &&
	       !memcmp(a->comm, b->comm, sizeof(a->comm)) &&
	       a->timer_slack_ns == b->timer_slack_ns &&
	       a->default_timer_slack_ns == b->timer_slack_ns;
}

/* What a new thread has none of. The creator's own priority for I/O would be passed on. */
static bool has_nothing_else(const struct task_struct *spare, const struct task_struct *parent)
{
	sigset_t pending = spare->pending.signal;

	if ((spare->flags & PF_EXITING) || spare->ptrace || parent->ptrace ||
	    spare->pdeath_signal || !sigisemptyset(&pending))
		return false;
#ifdef CONFIG_IO_URING
	if (spare->io_uring)
		return false;
#endif
	return !READ_ONCE(spare->io_context) && !READ_ONCE(parent->io_context);
}

/* Both are threads of one process, and referenced; no locks that sleep. */
bool still_tasks_alike(const struct task_struct *spare, const struct task_struct *parent)
{
	return same_rights(spare, parent) && same_belongings(spare, parent) &&
	       same_scheduling(spare, parent) && same_settings(spare, parent) &&
	       has_nothing_else(spare, parent);
}
