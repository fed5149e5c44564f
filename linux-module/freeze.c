// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeze and thaw. An NMI stops each CPU in its handler, wherever it was and whatever it held; it spins there until
 * the word in the shared area is cleared. Linux's requests wait so long, and nobody is declared dead.
 *
 * Two may want it: the administrator (state FROZEN) and those who take a dump (holders), whose open file's end lets
 * go even if they are killed.
 */
#include <linux/delay.h>
#include <linux/ktime.h>

#include "cores.h"
#include "freeze.h"
#include "proxy.h"
#include "text.h"

#define ANSWER_MS 1000

static u32 next_ticket(struct still_os *os)
{
	return (u32)atomic_inc_return((atomic_t *)&os->shared->nmi_ticket);
}

u32 still_ask_by_nmi(struct still_os *os)
{
	u32 ticket = next_ticket(os);

	still_cores_nmi(os);
	return ticket;
}

u32 still_ask_cpu_by_nmi(struct still_os *os, u32 cpu)
{
	u32 ticket = next_ticket(os);

	still_core_nmi(os->cores[cpu].apic_id);
	return ticket;
}

bool still_has_answered(const struct still_os *os, u32 cpu, u32 ticket)
{
	/* or a later one */
	return (s32)(smp_load_acquire(&os->shared->snapshots[cpu].ticket) - ticket) >= 0;
}

static u32 count_held(const struct still_os *os)
{
	u32 cpu, count = 0;

	for (cpu = 0; cpu < os->num_cores; cpu++)
		count += smp_load_acquire(&os->shared->snapshots[cpu].held) == 1;
	return count;
}

void still_let_go(struct still_os *os)
{
	/* First nobody relies on it any more. */
	WRITE_ONCE(os->stands_still, false);
	smp_mb();
	smp_store_release(&os->shared->hold, 0);
}

static u32 hold(struct still_os *os)
{
	ktime_t deadline = ktime_add_ms(ktime_get(), ANSWER_MS);
	u32 held;

	smp_store_release(&os->shared->hold, 1);
	still_ask_by_nmi(os);
	while ((held = count_held(os)) < os->num_cores && ktime_before(ktime_get(), deadline))
		usleep_range(50, 100);
	if (held == os->num_cores)
		WRITE_ONCE(os->stands_still, true);
	return held;
}

static int first_missing(const struct still_os *os)
{
	u32 cpu = 0;

	while (cpu + 1 < os->num_cores && os->shared->snapshots[cpu].held == 1)
		cpu++;
	return cpu;
}

static int hold_for_dump(struct still_handle *handle, struct still_freeze *request)
{
	struct still_os *os = handle->os;

	if (os->state == STILL_OS_PANIC) /* they are halted, and wrote their registers down */
		return 0;
	if (os->state != STILL_OS_RUNNING && os->state != STILL_OS_FROZEN &&
	    os->state != STILL_OS_HUNGUP)
		return still_fail(request->text, -EBADFD, "instance %d is not up", os->index);
	if (!still_stands_still(os))
		request->held = hold(os);
	else
		request->held = os->num_cores;
	if (!handle->holds)
		os->holders++;
	handle->holds = true;
	return 0;
}

int still_freeze(struct still_handle *handle, struct still_freeze *request)
{
	struct still_os *os = handle->os;

	request->held = 0;
	if (request->while_open)
		return hold_for_dump(handle, request);
	if (os->state == STILL_OS_FROZEN)
		return still_fail(request->text, -EALREADY, "instance %d is frozen", os->index);
	if (os->state != STILL_OS_RUNNING)
		return still_fail(request->text, -EBADFD, "instance %d is not running", os->index);
	if (still_stands_still(os)) {
		request->held = os->num_cores;
	} else {
		still_os_move(os, STILL_OS_RUNNING, STILL_OS_FREEZING);
		request->held = hold(os);
	}
	if (request->held < os->num_cores) {
		still_fail(request->text, -ETIMEDOUT,
			   "LWK CPU %d (Linux's %u) does not answer an NMI", first_missing(os),
			   os->cores[first_missing(os)].cpu);
		still_let_go(os);
		still_os_move(os, STILL_OS_FREEZING, STILL_OS_RUNNING);
		return -ETIMEDOUT;
	}
	still_os_move(os, STILL_OS_RUNNING, STILL_OS_FROZEN);
	still_os_move(os, STILL_OS_FREEZING, STILL_OS_FROZEN);
	return 0;
}

static void end_hold(struct still_handle *handle)
{
	struct still_os *os = handle->os;

	if (!handle->holds)
		return;
	handle->holds = false;
	if (!--os->holders && os->state != STILL_OS_FROZEN)
		still_let_go(os);
}

int still_thaw(struct still_handle *handle, struct still_freeze *request)
{
	struct still_os *os = handle->os;

	if (request->while_open) {
		end_hold(handle);
		return 0;
	}
	if (os->state != STILL_OS_FROZEN)
		return still_fail(request->text, -EBADFD, "instance %d is not frozen", os->index);
	still_os_move(os, STILL_OS_FROZEN, STILL_OS_RUNNING);
	if (!os->holders)
		still_let_go(os);
	return 0;
}

void still_freeze_closed(struct still_handle *handle)
{
	if (!handle->holds)
		return;
	mutex_lock(&handle->os->lock);
	end_hold(handle);
	mutex_unlock(&handle->os->lock);
}
