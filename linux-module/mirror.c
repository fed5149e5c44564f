// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose home is Linux (shared files, System V segments, devices): the proxy has it mapped at the
 * program's addresses, and the LWK's entries mirror the proxy's.
 *
 * The LWK marks the entries that it wants filled as awaited (stillcore/pte.h) and asks. We look at Linux's
 * page tables, faulting in what was touched, and write the LWK's entries ourselves. An invalidation takes
 * them away again, has the LWK flush its CPUs' translations, and returns when that is done.
 *
 * No entry outlives what it mirrors: proc->mirror_lock orders "the sequence is still good, write" against
 * "set the sequence"; whoever comes to write after that finds a new sequence and looks again, which waits
 * until the invalidation is over. The LWK takes an area away by having the proxy unmap it, so that is an
 * invalidation too; what comes later finds no mapping or the pseudo file's, and gives up.
 *
 * No deadlock: an invalidation waits for nothing but LWK CPUs taking an interrupt, which they do whatever
 * else they wait for, and has a deadline. A request runs in a workqueue of its own and may take mmap_lock.
 */
#include <linux/delay.h>
#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "cores.h"
#include "freeze.h"
#include "hang.h"
#include "ikc.h"
#include "lwk_tables.h"
#include "mirror.h"
#include "os.h"
#include "proxy.h"
#include "proxy_mm.h"

#define USER_END (1ull << STILL_WINDOW_SHIFT)
#define AWAITED (STILL_PTE_MIRRORED | STILL_PTE_FOREIGN)
#define ACK_SECONDS 10
#define SPIN_NS 30000
#define PATIENCE_MS 100

struct request {
	struct still_proc *proc;
	u64 address; /* what was touched */
	bool write;
	u64 start; /* what may be filled with it: cut down to the VMA */
	u64 end;
	unsigned long seq;
	u64 entries[STILL_MIRROR_PAGES]; /* for the LWK; 0: nothing is known */
};

/* Every CPU of a dead LWK is stopped: it may have died with translations of pages that go now. */
static void stop_for_good(struct still_os *os)
{
	unsigned long flags;

	spin_lock_irqsave(&os->procs_lock, flags);
	if (os->cores_running)
		still_cores_init_at_once(os);
	spin_unlock_irqrestore(&os->procs_lock, flags);
}

static void give_up(struct still_os *os)
{
	char who[100], why[sizeof(os->death)];

	still_name_suspect(os, who, sizeof(who));
	snprintf(why, sizeof(why), "it does not acknowledge an invalidation%s%s",
		 who[0] ? ": " : "", who);
	still_os_died(os, STILL_OS_HUNGUP, why);
}

static bool flushed(struct still_proc *proc, u64 ticket)
{
	return (s64)(smp_load_acquire(&proc->page->flushed) - ticket) >= 0;
}

/* May sleep. Afterwards no LWK CPU has a translation that was cleared before. */
static void flush(struct still_proc *proc)
{
	struct still_msg msg = { .kind = STILL_MSG_FLUSH, .proc = proc->id };
	struct still_os *os = proc->os;
	ktime_t begin = ktime_get();
	u64 ticket = atomic64_inc_return(&proc->flush_ticket);

	msg.arg[0] = ticket;
	if (still_proc_alive(proc) && !still_ikc_send(os, still_ikc_pick_cpu(os), &msg)) {
		while (!flushed(proc, ticket) && !still_stands_still(os) && still_os_check(os)) {
			s64 waited = ktime_to_ns(ktime_sub(ktime_get(), begin));

			if (waited > ACK_SECONDS * NSEC_PER_SEC)
				give_up(os);
			else if (waited > SPIN_NS)
				usleep_range(20, 50);
			else
				cpu_relax();
		}
		if (flushed(proc, ticket) || still_stands_still(os))
			return;
	}
	stop_for_good(os);
}

static bool is_mirrored(const struct still_leaf *leaf)
{
	return leaf->is_leaf && leaf->size == PAGE_SIZE && (leaf->value & STILL_PTE_MIRRORED);
}

/* Present entries become awaited ones. True: there were some. only_look: changes nothing. */
static bool clear(struct still_proc *proc, u64 start, u64 end, bool only_look)
{
	struct still_leaf leaf;
	bool any = false, good = true;
	u64 at = start;
	int count;

	while (at < end && good) {
		still_walk_begin(proc);
		for (count = 0; at < end && count < 1024; count++) {
			good = !still_walk(proc, at, &leaf);
			if (!good)
				break;
			while (is_mirrored(&leaf) && (leaf.value & STILL_PTE_PRESENT)) {
				u64 old = leaf.value;

				any = true;
				if (only_look)
					break;
				leaf.value = cmpxchg(leaf.entry, old, AWAITED);
				if (leaf.value == old) {
					still_note_written(old);
					break;
				}
			}
			at = leaf.address + leaf.size;
		}
		still_walk_end(proc);
	}
	return any;
}

static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range, unsigned long seq)
{
	struct still_proc *proc = container_of(notifier, struct still_proc, notifier);
	u64 start = max_t(u64, range->start, notifier->interval_tree.start);
	u64 end = min_t(u64, range->end, notifier->interval_tree.last + 1);

	/* It unmaps the pseudo file only, which lies elsewhere. */
	if (current == proc->os->zapper)
		return true;
	spin_lock(&proc->mirror_lock);
	mmu_interval_set_seq(notifier, seq);
	spin_unlock(&proc->mirror_lock);
	if (!mmu_notifier_range_blockable(range))
		return !clear(proc, start, end, true);
	if (clear(proc, start, end, false)) {
		atomic64_inc(&proc->os->invalidations);
		flush(proc);
	}
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = { .invalidate = invalidate };

/* mm is held. One notifier covers all of the program's addresses; a process that shares nothing has none. */
static int watch(struct still_proc *proc)
{
	const struct still_proc_page *page = proc->page;
	u64 start = page->app[0].start, end = page->app[page->num_app_ranges - 1].end;
	int ret = 0;

	mutex_lock(&proc->mirror_mutex);
	if (proc->mirror_stopped)
		ret = -ESRCH;
	else if (!proc->watched)
		ret = mmu_interval_notifier_insert(&proc->notifier, proc->mm, start, end - start,
						   &notifier_ops);
	if (!ret)
		proc->watched = true;
	mutex_unlock(&proc->mirror_mutex);
	return ret;
}

/* Nobody holds the process any more, but for requests under way. */
void still_mirror_stop(struct still_proc *proc)
{
	mutex_lock(&proc->mirror_mutex);
	proc->mirror_stopped = true;
	if (proc->watched)
		mmu_interval_notifier_remove(&proc->notifier);
	proc->watched = false;
	mutex_unlock(&proc->mirror_mutex);
}

void still_mirror_init(struct still_proc *proc)
{
	mutex_init(&proc->mirror_mutex);
	spin_lock_init(&proc->mirror_lock);
}

static u64 entry_of(const struct vm_area_struct *vma, unsigned long pfn, bool writable, u64 cache)
{
	u64 entry = (u64)pfn << PAGE_SHIFT | STILL_PTE_PRESENT | STILL_PTE_USER |
		    STILL_PTE_ACCESSED | cache | AWAITED;

	if (writable && (vma->vm_flags & VM_WRITE))
		entry |= STILL_PTE_WRITE;
	if (!(vma->vm_flags & VM_EXEC))
		entry |= STILL_PTE_NO_EXECUTE;
	return entry;
}

static int look_at_pages(struct request *request, struct vm_area_struct *vma)
{
	unsigned long touched = HMM_PFN_REQ_FAULT | (request->write ? HMM_PFN_REQ_WRITE : 0);
	unsigned long pfns[STILL_MIRROR_PAGES] = {};
	struct hmm_range range = {
		.notifier = &request->proc->notifier,
		.notifier_seq = request->seq,
		.start = request->address,
		.end = request->address + PAGE_SIZE,
		.hmm_pfns = &touched,
		.pfn_flags_mask = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
	};
	unsigned int i;
	int ret;

	/* Alone: where there is no page table yet, all of a range would be faulted in. */
	ret = hmm_range_fault(&range);
	if (ret) /* the VMA allows it, so it is the file's end, or no memory */
		return ret == -EBUSY || ret == -ENOMEM ? ret : -ENXIO;
	/* Its neighbours come along if Linux has them anyhow. */
	range.start = request->start;
	range.end = request->end;
	range.hmm_pfns = pfns;
	range.pfn_flags_mask = 0;
	ret = hmm_range_fault(&range);
	if (ret)
		return ret;
	for (i = 0; i < (request->end - request->start) >> PAGE_SHIFT; i++)
		if ((pfns[i] & HMM_PFN_VALID) && !(pfns[i] & HMM_PFN_ERROR))
			request->entries[i] = entry_of(vma, page_to_pfn(hmm_pfn_to_page(pfns[i])),
						       pfns[i] & HMM_PFN_WRITE, 0);
	return 0;
}

/* Device memory has no struct pages; the LWK's CPUs use the PAT of Linux's, so the entry's bits mean the same. */
static int look_at_device(struct request *request, struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct still_device_pte pte;
	bool unlocked = false;
	u64 at;
	int ret;

	if (still_device_pte(vma, request->address, &pte) || (request->write && !pte.writable)) {
		ret = fixup_user_fault(mm, request->address, request->write ? FAULT_FLAG_WRITE : 0,
				       &unlocked);
		if (unlocked)
			return -EBUSY; /* the VMA may be another one now */
		if (ret)
			return ret == -ENOMEM ? ret : -ENXIO;
	}
	for (at = request->start; at < request->end; at += PAGE_SIZE)
		if (!still_device_pte(vma, at, &pte))
			request->entries[(at - request->start) >> PAGE_SHIFT] =
				entry_of(vma, pte.pfn, pte.writable, pte.cache);
	return 0;
}

/* mmap_lock held. -EFAULT: nothing of Linux's is mapped there, -EACCES: not with that right. */
static int look(struct request *request, struct mm_struct *mm)
{
	struct vm_area_struct *vma = vma_lookup(mm, request->address);

	if (!vma || still_is_pseudo(vma))
		return -EFAULT;
	if (!(vma->vm_flags & (request->write ? VM_WRITE : VM_READ)))
		return -EACCES;
	request->start = max_t(u64, request->start, vma->vm_start);
	request->end = min_t(u64, request->end, vma->vm_end);
	memset(request->entries, 0, sizeof(request->entries));
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return look_at_device(request, mm, vma);
	return look_at_pages(request, vma);
}

static void fill_entry(struct still_proc *proc, u64 address, u64 entry)
{
	struct still_leaf leaf;
	u64 old, new;

	while (!still_walk(proc, address, &leaf) && is_mirrored(&leaf)) {
		old = leaf.value;
		new = entry;
		if (old & STILL_PTE_PRESENT) {
			/* Nothing changes below a present entry but that it becomes writable. */
			if (!(entry & STILL_PTE_WRITE) || (old & STILL_PTE_WRITE))
				return;
			new = old | STILL_PTE_WRITE;
		}
		if (cmpxchg(leaf.entry, old, new) == old)
			return;
	}
}

static void fill(struct request *request)
{
	u64 at;

	still_walk_begin(request->proc);
	for (at = request->start; at < request->end; at += PAGE_SIZE) {
		u64 entry = request->entries[(at - request->start) >> PAGE_SHIFT];

		if (entry)
			fill_entry(request->proc, at, entry);
	}
	still_walk_end(request->proc);
}

static int mirror(struct request *request, struct mm_struct *mm)
{
	struct still_proc *proc = request->proc;
	ktime_t end = ktime_add_ms(ktime_get(), PATIENCE_MS);
	int ret;

	while (still_proc_alive(proc)) {
		/* Others may want this worker, and the LWK's thread may have to end: it will ask again. */
		if (ktime_after(ktime_get(), end))
			return 0;
		request->seq = mmu_interval_read_begin(&proc->notifier);
		mmap_read_lock(mm);
		ret = look(request, mm);
		mmap_read_unlock(mm);
		if (ret == -EBUSY) {
			usleep_range(10, 50);
			continue;
		}
		if (ret)
			return ret;
		spin_lock(&proc->mirror_lock);
		if (!mmu_interval_read_retry(&proc->notifier, request->seq)) {
			fill(request);
			spin_unlock(&proc->mirror_lock);
			return 0;
		}
		spin_unlock(&proc->mirror_lock);
	}
	return -EIO;
}

static int serve(struct still_os *os, const struct still_msg *msg)
{
	u64 start = msg->arg[2], bytes = msg->arg[3];
	struct request request = {
		.address = msg->arg[0],
		.write = msg->arg[1],
		.start = start,
		.end = start + bytes,
	};
	int ret;

	if (((start | bytes | request.address) & ~PAGE_MASK) || start >= USER_END || !bytes ||
	    bytes > STILL_MIRROR_PAGES * PAGE_SIZE || request.address < start ||
	    request.address >= request.end) {
		atomic64_inc(&os->bad_messages);
		return -EINVAL;
	}
	request.proc = still_proc_find(os, msg->proc);
	if (!request.proc)
		return -ESRCH;
	ret = -EFAULT; /* exiting */
	if (request.proc->mm && mmget_not_zero(request.proc->mm)) {
		ret = watch(request.proc);
		if (!ret)
			ret = mirror(&request, request.proc->mm);
		mmput(request.proc->mm);
	}
	atomic64_inc(&os->mirror_faults);
	still_proc_put(request.proc);
	return ret;
}

void still_mirror_serve(struct still_letter *letter)
{
	still_ikc_reply(letter, serve(letter->channel->os, &letter->msg), 0);
}
