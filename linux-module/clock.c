// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timekeeper calls us at each of its updates, with interrupts off and inside its own sequence count:
 * nothing here may read a clock or sleep.
 */
#include <linux/clocksource.h>
#include <linux/pvclock_gtod.h>
#include <linux/spinlock.h>
#include <linux/timekeeper_internal.h>
#include <stillcore/ioctl_admin.h>
#include <stillcore/shared.h>

#include "clock.h"

static DEFINE_RAW_SPINLOCK(clock_lock); /* the timekeeper's writer against still_clock_publish() */
static struct still_shared *targets[STILL_MAX_INSTANCES];
static struct still_time latest;

static void copy_to(struct still_shared *shared)
{
	struct still_time *time = &shared->time;
	u32 seq = time->seq + 1;

	WRITE_ONCE(time->seq, seq);
	smp_wmb();
	time->mult = latest.mult;
	time->shift = latest.shift;
	time->valid = latest.valid;
	time->cycle_last = latest.cycle_last;
	time->mask = latest.mask;
	time->mono_base = latest.mono_base;
	time->mono_frac = latest.mono_frac;
	time->real_minus_mono = latest.real_minus_mono;
	time->boot_minus_mono = latest.boot_minus_mono;
	smp_wmb();
	WRITE_ONCE(time->seq, seq + 1);
}

static int timekeeper_updated(struct notifier_block *nb, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&clock_lock, flags);
	latest.mult = tk->tkr_mono.mult;
	latest.shift = tk->tkr_mono.shift;
	latest.valid = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
	latest.cycle_last = tk->tkr_mono.cycle_last;
	latest.mask = tk->tkr_mono.mask;
	latest.mono_base = ktime_to_ns(tk->tkr_mono.base);
	latest.mono_frac = tk->tkr_mono.xtime_nsec;
	latest.real_minus_mono = ktime_to_ns(tk->offs_real);
	latest.boot_minus_mono = ktime_to_ns(tk->offs_boot);
	for (i = 0; i < STILL_MAX_INSTANCES; i++)
		if (targets[i])
			copy_to(targets[i]);
	raw_spin_unlock_irqrestore(&clock_lock, flags);
	return NOTIFY_OK;
}

static struct notifier_block clock_block = { .notifier_call = timekeeper_updated };

int still_clock_init(void)
{
	return pvclock_gtod_register_notifier(&clock_block);
}

void still_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&clock_block);
}

void still_clock_publish(int index, struct still_shared *shared)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&clock_lock, flags);
	targets[index] = shared;
	copy_to(shared);
	raw_spin_unlock_irqrestore(&clock_lock, flags);
}

/* Nobody writes to the area after this. */
void still_clock_withdraw(int index)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&clock_lock, flags);
	targets[index] = NULL;
	raw_spin_unlock_irqrestore(&clock_lock, flags);
}
