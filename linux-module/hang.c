// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does an LWK CPU hang? Looked at once a second, without disturbing one that computes.
 *
 * A CPU takes its messages in an interrupt, also over a computing thread: one that leaves them in the ring has its
 * interrupts off. Its service thread answers a ping as soon as it gets the CPU, which no program keeps from it: if
 * that fails, the kernel itself goes round in circles, or idles over a thread that is ready. What such a CPU does an
 * NMI tells; in user mode it computes, and one whose service thread waits for Linux is fine.
 */
#include <linux/module.h>

#include "cores.h"
#include "freeze.h"
#include "hang.h"
#include "ikc.h"
#include "os.h"

static unsigned int hang_seconds = 10;
module_param(hang_seconds, uint, 0644);
MODULE_PARM_DESC(hang_seconds, "an LWK CPU that leaves messages unread for so long is hung");

static unsigned int busy_hang_seconds = 60;
module_param(busy_hang_seconds, uint, 0644);
MODULE_PARM_DESC(busy_hang_seconds,
		 "likewise one that takes them, but executes one system call for so long");

static unsigned int ping_seconds = 5;
module_param(ping_seconds, uint, 0644);
MODULE_PARM_DESC(
	ping_seconds,
	"how often LWK CPUs are asked for a sign of life unless they are in user mode, 0: never");

static const struct still_cpu_counters *counters_of(const struct still_channel *channel)
{
	return &channel->os->shared->cpus[channel->cpu];
}

static bool is_idle(const struct still_channel *channel)
{
	return READ_ONCE(counters_of(channel)->mode) == STILL_CPU_IDLE;
}

/* The word says so for a CPU that runs a program; in kernel threads it means nothing. */
static bool is_in_user_mode(const struct still_channel *channel)
{
	return !is_idle(channel) && READ_ONCE(counters_of(channel)->pid) &&
	       still_cpu_is_in_user_mode(channel->os, channel->cpu);
}

/* Counts the seconds in which it entered nothing and switched to nobody. */
static void note_progress(struct still_channel *channel)
{
	const struct still_cpu_counters *counters = counters_of(channel);
	u64 entries = READ_ONCE(counters->syscalls_local) +
		      READ_ONCE(counters->syscalls_offloaded) + READ_ONCE(counters->page_faults) +
		      READ_ONCE(counters->switches);

	if (entries != channel->watched_entries || is_in_user_mode(channel))
		channel->same_entries = 0;
	else
		channel->same_entries++;
	channel->watched_entries = entries;
}

/*
 * A message is put there for the purpose where somebody waits for it anyhow, or where it disturbs no program: one that
 * runs a program is asked only if it has been in the kernel for all of that time.
 */
static void ping(struct still_channel *channel)
{
	static const struct still_msg msg = { .kind = STILL_MSG_PING, .token = STILL_TOKEN_PING };
	bool computes = !is_idle(channel) && READ_ONCE(counters_of(channel)->pid);

	if (!ping_seconds || READ_ONCE(channel->pinged) ||
	    (!atomic_read(&channel->calls) && channel->os->watch_ticks % ping_seconds))
		return;
	if (computes && channel->same_entries < ping_seconds)
		return;
	WRITE_ONCE(channel->pinged, true);
	if (still_ikc_try_send(channel, &msg))
		WRITE_ONCE(channel->pinged, false);
}

static bool leaves_unread(struct still_channel *channel)
{
	u32 head = READ_ONCE(channel->tx.ring->head);
	bool unread = head != READ_ONCE(channel->tx.index) && head == channel->watched_head;

	channel->watched_head = head;
	return unread;
}

/* What its answer to the last second's NMI says. */
static u32 condition_of(struct still_channel *channel, bool unread)
{
	const struct still_snapshot *snapshot = &channel->os->shared->snapshots[channel->cpu];

	if (is_in_user_mode(channel))
		return STILL_CONDITION_COMPUTES;
	if (!unread && is_idle(channel))
		return READ_ONCE(counters_of(channel)->runnable) ? STILL_CONDITION_IDLE
								 : STILL_CONDITION_FINE;
	if (!channel->asked)
		return STILL_CONDITION_FINE;
	if (!still_has_answered(channel->os, channel->cpu, channel->ticket))
		return STILL_CONDITION_SILENT;
	channel->rip = READ_ONCE(snapshot->rip);
	if ((READ_ONCE(snapshot->cs) & 3) == 3)
		return STILL_CONDITION_COMPUTES;
	if (READ_ONCE(snapshot->awaited))
		return STILL_CONDITION_AWAITS;
	if (is_idle(channel))
		return STILL_CONDITION_IDLE;
	return unread ? STILL_CONDITION_KERNEL_OFF : STILL_CONDITION_KERNEL_ON;
}

static void ask(struct still_channel *channel)
{
	channel->asked = true;
	channel->ticket = still_ask_cpu_by_nmi(channel->os, channel->cpu);
}

static bool is_suspect(struct still_channel *channel, bool unread)
{
	bool idles_over_work = is_idle(channel) && READ_ONCE(counters_of(channel)->runnable);

	return unread ||
	       (channel->same_entries > 1 && (READ_ONCE(channel->pinged) || idles_over_work));
}

static unsigned int patience(u32 condition)
{
	switch (condition) {
	case STILL_CONDITION_KERNEL_OFF:
	case STILL_CONDITION_IDLE:
	case STILL_CONDITION_SILENT:
		return hang_seconds;
	case STILL_CONDITION_AWAITS: /* whom it awaits is found first */
		return 2 * hang_seconds;
	case STILL_CONDITION_KERNEL_ON:
		return busy_hang_seconds;
	default:
		return UINT_MAX;
	}
}

/* True: it hangs. */
static bool look_at(struct still_channel *channel)
{
	bool unread = leaves_unread(channel);
	u32 condition;

	note_progress(channel);
	if (!is_suspect(channel, unread)) {
		channel->asked = false;
		channel->suspect = 0;
		WRITE_ONCE(channel->condition, STILL_CONDITION_FINE);
		ping(channel);
		return false;
	}
	condition = condition_of(channel, unread);
	if (condition != STILL_CONDITION_FINE || !channel->asked)
		channel->suspect++;
	else
		channel->suspect = 0;
	WRITE_ONCE(channel->condition, condition);
	if (channel->suspect > patience(condition))
		return true;
	still_core_doorbell(channel->apic_id); /* should one have been lost */
	if (condition != STILL_CONDITION_COMPUTES && channel->suspect)
		ask(channel);
	return false;
}

static void describe(const struct still_channel *channel, u32 condition, char *text, size_t space)
{
	static const char *const words[] = {
		[STILL_CONDITION_KERNEL_OFF] = "is in the kernel with interrupts off",
		[STILL_CONDITION_KERNEL_ON] = "is in the kernel, with interrupts on",
		[STILL_CONDITION_IDLE] = "idles with work queued",
		[STILL_CONDITION_AWAITS] =
			"waits for an invalidation to be acknowledged by LWK CPU",
		[STILL_CONDITION_SILENT] = "does not answer an NMI",
	};
	const struct still_os *os = channel->os;
	int at = scnprintf(text, space, "LWK CPU %u (Linux's %u) %s", channel->cpu,
			   os->cores[channel->cpu].cpu, words[condition]);

	if (condition == STILL_CONDITION_AWAITS)
		at += scnprintf(text + at, space - at, " %u",
				READ_ONCE(os->shared->snapshots[channel->cpu].awaited) - 1);
	if (condition != STILL_CONDITION_SILENT)
		scnprintf(text + at, space - at, ", at %#llx, for %u s", READ_ONCE(channel->rip),
			  READ_ONCE(channel->suspect));
}

void still_name_suspect(struct still_os *os, char *text, size_t space)
{
	unsigned int i, worst = 0;

	text[0] = '\0';
	for (i = 0; i < os->num_channels; i++) {
		const struct still_channel *channel = &os->channels[i];
		u32 condition = READ_ONCE(channel->condition);
		unsigned int suspect = READ_ONCE(channel->suspect);

		/* Who waits or computes holds nobody up. */
		if (suspect <= worst || patience(condition) == UINT_MAX ||
		    condition == STILL_CONDITION_AWAITS)
			continue;
		worst = suspect;
		describe(channel, condition, text, space);
	}
}

bool still_watch_cpus(struct still_os *os)
{
	char why[sizeof(os->death)];
	bool hung = false;
	unsigned int i;

	for (i = 0; i < os->num_channels && !hung; i++) {
		hung = look_at(&os->channels[i]);
		if (hung)
			describe(&os->channels[i], os->channels[i].condition, why, sizeof(why));
	}
	if (hung)
		still_os_died(os, STILL_OS_HUNGUP, why);
	return hung;
}

/* It stood still: nothing of what was seen before counts. */
void still_watch_afresh(struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < os->num_channels; i++) {
		struct still_channel *channel = &os->channels[i];

		channel->watched_head = READ_ONCE(channel->tx.ring->head) - 1;
		channel->same_entries = 0;
		channel->suspect = 0;
		channel->asked = false;
	}
}
