// SPDX-License-Identifier: GPL-2.0-only
/* An LWK's boot and its end. os->lock is held throughout. */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "boot.h"
#include "clock.h"
#include "compat.h"
#include "cores.h"
#include "doorbell.h"
#include "freeze.h"
#include "ikc.h"
#include "image.h"
#include "os.h"
#include "proxy.h"
#include "text.h"
#include "zap.h"

#define BOOT_TIMEOUT_MS 10000
#define SHUTDOWN_TIMEOUT_MS 5000

static unsigned long trampoline;
module_param(trampoline, ulong, 0644);
MODULE_PARM_DESC(trampoline,
		 "physical address of the page below 1 MiB to start CPUs by, 0: find one");

static DEFINE_MUTEX(trampoline_lock); /* one boot at a time */

static int get_area(struct still_area *area, size_t size)
{
	area->size = size;
	area->va = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	return area->va ? 0 : -ENOMEM;
}

static void put_area(struct still_area *area)
{
	if (area->va)
		free_pages_exact(area->va, area->size);
	area->va = NULL;
}

static int check_ready(struct still_os *os, char *text)
{
	if (os->state != STILL_OS_INACTIVE)
		return still_fail(text, -EBUSY, "instance %d is up already: shut it down first",
				  os->index);
	if (!os->image)
		return still_fail(text, -EBADFD, "no image is loaded");
	if (!os->num_cores)
		return still_fail(text, -EBADFD, "no CPU is assigned");
	if (list_empty(&os->memory.ranges))
		return still_fail(text, -EBADFD, "no memory is assigned");
	if (!still_place_image(os))
		return still_fail(text, -ENOMEM,
				  "no piece of the assigned memory holds the image (%llu KiB)",
				  os->image->span >> 10);
	return 0;
}

/* The cores are stopped, or were not started: everything that served them goes. */
static void tear_down(struct still_os *os)
{
	spin_lock_irq(&os->procs_lock);
	os->cores_running = false;
	spin_unlock_irq(&os->procs_lock);
	WRITE_ONCE(os->alive, false);
	cancel_delayed_work_sync(&os->watch_work);
	still_clock_withdraw(os->index);
	still_doorbell_stop(os);
	still_zapper_stop(os);
	still_ikc_stop(os);
	cancel_work_sync(&os->death_work);
	still_procs_forget(os);
	still_os_unmap_all(os);
	still_quarantine_stop(os);
	put_area(&os->block_area);
	put_area(&os->rings_area);
	put_area(&os->tables_area);
	still_os_set_state(os, STILL_OS_INACTIVE);
}

static int set_up(struct still_os *os, char *text)
{
	int ret;

	memset(os->shared, 0, sizeof(*os->shared));
	os->shared->magic = STILL_MAGIC;
	os->shared->revision = STILL_REVISION;
	os->shared->num_cpus = os->num_cores;
	os->log->capacity = 512ul << 10;
	still_clear_kmsg(os); /* what was logged before goes on to those who follow it */
	os->death[0] = 0;
	ret = still_spans_build(os);
	if (!ret)
		ret = get_area(&os->block_area, sizeof(struct still_boot_block));
	if (!ret)
		ret = get_area(&os->rings_area, os->num_cores * sizeof(struct still_ring_pair));
	if (!ret)
		ret = still_build_boot_tables(os);
	if (ret)
		return still_fail(text, ret, "no memory for the boot areas of %u CPUs",
				  os->num_cores);
	ret = still_check_boot_reach(os, text);
	if (ret)
		return ret;
	ret = still_ikc_start(os);
	if (!ret)
		ret = still_zapper_start(os);
	if (ret)
		return still_fail(text, ret, "no memory for the rings' service");
	still_clock_publish(os->index, os->shared);
	ret = still_doorbell_start(os);
	if (ret)
		return still_fail(text, ret, "Linux has no interrupt for the doorbell (error %d)",
				  -ret);
	return 0;
}

/* All RAM below 640 KiB is reserved since Linux's own boot; an all-zero page of it is in nobody's use. */
static phys_addr_t find_trampoline(void)
{
	unsigned long pfn;

	if (trampoline)
		return trampoline < (1ul << 20) ? trampoline & PAGE_MASK : 0;
	for (pfn = 8; pfn < 0xa0; pfn++)
		if (page_is_ram(pfn) && !memchr_inv(__va(pfn << PAGE_SHIFT), 0, PAGE_SIZE))
			return pfn << PAGE_SHIFT;
	return 0;
}

/* CPU hotplug is off until it is returned: Linux uses the page for its CPUs too. */
int still_borrow_trampoline(struct still_trampoline *page, char *text)
{
	int ret = 0;

	mutex_lock(&trampoline_lock);
	cpu_hotplug_disable();
	page->phys = find_trampoline();
	page->va = __va(page->phys);
	page->saved = page->phys ? kmemdup(page->va, PAGE_SIZE, GFP_KERNEL) : NULL;
	if (!page->phys)
		ret = still_fail(text, -ENOMEM, "no free page below 1 MiB to start CPUs by");
	else if (!page->saved)
		ret = -ENOMEM;
	if (ret) {
		cpu_hotplug_enable();
		mutex_unlock(&trampoline_lock);
	}
	return ret;
}

void still_return_trampoline(struct still_trampoline *page)
{
	memcpy(page->va, page->saved, PAGE_SIZE);
	kfree(page->saved);
	cpu_hotplug_enable();
	mutex_unlock(&trampoline_lock);
}

static void write_trampoline(struct still_os *os, void *page, u64 entry)
{
	struct still_trampoline_args *args =
		page + (still_trampoline_args - still_trampoline_start);

	memcpy(page, still_trampoline_start, still_trampoline_end - still_trampoline_start);
	args->cr3 = virt_to_phys(os->tables_area.va);
	args->entry = entry;
	args->boot_block = virt_to_phys(os->block_area.va);
}

static int boot_failure(struct still_os *os, u32 timeout_ms, char *text)
{
	const struct still_shared *shared = os->shared;

	if (fatal_signal_pending(current))
		return still_fail(text, -EINTR, "interrupted");
	switch (READ_ONCE(shared->state)) {
	case STILL_STATE_PANIC:
		return still_fail(text, -EIO, "the LWK panicked at boot: %.*s",
				  (int)strnlen(shared->panic_text, 120), shared->panic_text);
	case STILL_STATE_NONE:
		return still_fail(text, -ETIMEDOUT,
				  "CPU %u did not enter the image within %u ms (INIT, SIPI sent)",
				  os->cores[0].cpu, timeout_ms);
	case STILL_STATE_BOOTING:
		return still_fail(
			text, -ETIMEDOUT,
			"the LWK did not finish its boot within %u ms: %u of %u CPUs are up",
			timeout_ms, READ_ONCE(shared->cpus_up), os->num_cores);
	default:
		return still_fail(text, -EIO, "the LWK is in state %u instead of running",
				  READ_ONCE(shared->state));
	}
}

static bool still_booting(const struct still_os *os)
{
	u32 state = READ_ONCE(os->shared->state);

	return state == STILL_STATE_NONE || state == STILL_STATE_BOOTING;
}

/* From INIT to the LWK's word that it runs. */
static int start_cores(struct still_os *os, u64 entry, u32 timeout_ms, struct still_boot *request)
{
	struct still_trampoline page;
	ktime_t begin, deadline;
	int ret = still_borrow_trampoline(&page, request->text);

	if (ret)
		return ret;
	((struct still_boot_block *)os->block_area.va)->trampoline_phys = page.phys;
	write_trampoline(os, page.va, entry);
	spin_lock_irq(&os->procs_lock);
	os->cores_running = true;
	spin_unlock_irq(&os->procs_lock);
	os->memory_used = true;
	mb(); /* all of it is in memory before another CPU looks */

	begin = ktime_get();
	deadline = ktime_add_ms(begin, timeout_ms);
	if (!os->cores_wait)
		still_cores_init(os, true); /* they are offline */
	os->cores_wait = false;
	still_core_start(os->cores[0].apic_id, page.phys);
	while (still_booting(os) && ktime_before(ktime_get(), deadline) &&
	       !fatal_signal_pending(current))
		usleep_range(200, 500);
	request->boot_us = ktime_us_delta(ktime_get(), begin);

	if (READ_ONCE(os->shared->state) != STILL_STATE_RUNNING) {
		ret = boot_failure(os, timeout_ms, request->text);
		still_cores_init(os, false);
		os->cores_wait = true;
	}
	still_return_trampoline(&page);
	return ret;
}

int still_os_boot(struct still_os *os, struct still_boot *request)
{
	u32 timeout_ms = request->timeout_ms ?: BOOT_TIMEOUT_MS;
	u64 image_phys;
	int ret = check_ready(os, request->text);

	if (ret)
		return ret;
	still_os_set_state(os, STILL_OS_BOOTING);
	ret = set_up(os, request->text);
	if (ret)
		goto fail;
	image_phys = still_place_image(os);
	still_image_place(os->image, __va(image_phys));
	still_fill_boot_block(os, image_phys);
	os->image_phys = image_phys;
	os->image_span = os->image->span;

	ret = start_cores(os, image_phys + (os->image->entry - os->image->lowest), timeout_ms,
			  request);
	if (ret)
		goto fail;

	spin_lock_irq(&os->state_lock);
	os->state = STILL_OS_RUNNING;
	os->far_slots = READ_ONCE(os->shared->peers_shift) == STILL_PEERS_SHIFT_5;
	WRITE_ONCE(os->alive, true);
	spin_unlock_irq(&os->state_lock);
	os->watch_ticks = 0;
	queue_delayed_work(system_dfl_wq, &os->watch_work, HZ);
	still_ikc_drain(os); /* what came while it booted */
	return 0;
fail:
	tear_down(os);
	return ret;
}

/* Asks the LWK to stop; true if it says that it has. */
static bool ask_to_stop(struct still_os *os, u32 timeout_ms)
{
	struct still_msg msg = { .kind = STILL_MSG_SHUTDOWN };
	ktime_t deadline = ktime_add_ms(ktime_get(), timeout_ms);
	int ret;

	do {
		ret = still_ikc_try_send(&os->channels[0], &msg);
		if (ret == -EAGAIN)
			usleep_range(500, 1000);
	} while (ret == -EAGAIN && ktime_before(ktime_get(), deadline));
	if (ret)
		return false;
	while (still_os_check(os) && ktime_before(ktime_get(), deadline)) {
		if (READ_ONCE(os->shared->state) == STILL_STATE_STOPPED)
			return true;
		usleep_range(500, 1000);
	}
	return READ_ONCE(os->shared->state) == STILL_STATE_STOPPED;
}

int still_os_shutdown(struct still_os *os, struct still_shutdown *request)
{
	request->orderly = 0;
	if (os->state == STILL_OS_INACTIVE)
		return still_fail(request->text, -EBADFD, "instance %d is not up", os->index);
	still_let_go(os);
	if (os->state == STILL_OS_RUNNING || os->state == STILL_OS_FROZEN) {
		still_os_set_state(os, STILL_OS_SHUTDOWN);
		request->orderly = ask_to_stop(os, request->timeout_ms ?: SHUTDOWN_TIMEOUT_MS);
	}
	still_os_died(os, STILL_OS_INACTIVE, "shut down");
	still_cores_init(os, request->orderly);
	os->cores_wait = true;
	tear_down(os);
	return 0;
}

/* Module unload, reboot: no new instances and no open files can come now, or nobody cares. */
void still_os_stop_everything(u32 timeout_ms)
{
	struct still_shutdown request = { .timeout_ms = timeout_ms };
	int index;

	for (index = 0; index < STILL_MAX_INSTANCES; index++) {
		struct still_os *os = still_os_get_by_index(index);

		if (!os)
			continue;
		mutex_lock(&os->lock);
		if (os->state != STILL_OS_INACTIVE)
			still_os_shutdown(os, &request);
		mutex_unlock(&os->lock);
		still_os_put(os);
	}
}
