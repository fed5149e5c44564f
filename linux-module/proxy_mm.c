// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in the unified address space: the LWK's page at that address is put into Linux's page table, with
 * no more rights than the LWK has given. Why a zap can't miss an insertion is argued in zap.c; its other
 * half is here:
 *
 *   Whoever inserts a page holds that page's lock from before it marks the LWK's entry SEEN until the
 *   Linux entry is made (we return VM_FAULT_LOCKED, Linux unlocks after inserting).
 *
 * Because there is a page_mkwrite, Linux inserts every page read-only first and asks again for a write.
 * page->mapping stays NULL, so page_mkwrite must return LOCKED, never 0 (or Linux loops).
 *
 * Locks: mmap_lock (or a VMA lock), then the page lock, then i_mmap (in unmap_mapping_pages). The page
 * lock is never held while waiting for the LWK; mmap_lock only if the faulter can't retry.
 */
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "ikc.h"
#include "lwk_tables.h"
#include "os.h"
#include "peers.h"
#include "proxy.h"
#include "proxy_mm.h"

#define PINNABLE_WAIT (10 * HZ)

static struct file *pseudo_file(const struct vm_area_struct *vma)
{
	return vma->vm_private_data;
}

static struct still_proc *proc_of(const struct vm_area_struct *vma)
{
	return pseudo_file(vma)->private_data;
}

static u64 address_of(struct still_proc *proc, struct vm_fault *vmf)
{
	return ((u64)vmf->pgoff << PAGE_SHIFT) - still_proc_window(proc);
}

/* What is faulted on: a page of that process's, by itself or by a peer. */
struct wanted {
	struct still_proc *proc;
	u64 address;
	bool by_peer;
};

static struct wanted wanted_of(struct vm_fault *vmf)
{
	struct still_proc *proc = proc_of(vmf->vma);

	return (struct wanted){ proc, address_of(proc, vmf), false };
}

static bool allows(const struct still_leaf *leaf, bool write)
{
	return still_leaf_present(leaf) && (leaf->value & STILL_PTE_USER) &&
	       !(leaf->value & STILL_PTE_FOREIGN) && (!write || leaf->writable);
}

static struct page *page_at(const struct still_leaf *leaf, u64 address)
{
	return pfn_to_page(leaf->first_pfn + ((address - leaf->address) >> PAGE_SHIFT));
}

/* The page, referenced; NULL: not there with that right; or an error. */
static struct page *find_page(struct still_proc *proc, u64 address, bool write)
{
	struct still_leaf leaf;
	struct page *page = NULL;
	int ret;

	still_walk_begin(proc);
	ret = still_walk(proc, address, &leaf);
	if (!ret && still_leaf_present(&leaf) && (leaf.value & STILL_PTE_FOREIGN))
		ret = -EFAULT;
	if (!ret && allows(&leaf, write)) {
		page = page_at(&leaf, address);
		get_page(page);
	}
	still_walk_end(proc);
	return ret ? ERR_PTR(ret) : page;
}

/*
 * The page is locked. Marks the entry SEEN if it still leads to that page with that right. The tables are
 * walked anew, since table pages may have gone while we waited for the lock.
 */
static bool mark_seen(struct still_proc *proc, u64 address, struct page *page, bool write)
{
	struct still_os *os = proc->os;
	struct still_leaf leaf;
	bool marked = false;

	still_walk_begin(proc);
	while (!marked && !still_walk(proc, address, &leaf) && allows(&leaf, write) &&
	       page_at(&leaf, address) == page)
		marked = cmpxchg(leaf.entry, leaf.value, leaf.value | STILL_PTE_SEEN) == leaf.value;
	still_walk_end(proc);
	if (marked)
		atomic64_inc(&os->tries[leaf.size == PUD_SIZE ? 2 : leaf.size == PMD_SIZE]);
	else
		atomic64_inc(&os->lost_tries);
	return marked;
}

static struct still_fault_error *error_of(struct still_proc *proc)
{
	return &proc->fault_errors[hash_ptr(current, ilog2(STILL_FAULT_ERRORS))];
}

static void remember_error(struct still_proc *proc, unsigned long address, int error)
{
	struct still_fault_error *record = error_of(proc);

	spin_lock(&proc->fault_lock);
	record->task = current;
	record->address = address;
	record->error = error;
	spin_unlock(&proc->fault_lock);
}

/* What the last attempt of this task at this address ended with, once. */
static int recall_error(struct still_proc *proc, unsigned long address)
{
	struct still_fault_error *record = error_of(proc);
	int error = 0;

	spin_lock(&proc->fault_lock);
	if (record->task == current && record->address == address) {
		error = record->error;
		record->task = NULL;
	}
	spin_unlock(&proc->fault_lock);
	return error;
}

static vm_fault_t as_fault(int error)
{
	return error == -EFAULT || error == -EACCES ? VM_FAULT_SIGSEGV : VM_FAULT_SIGBUS;
}

static int ask(struct still_proc *proc, u64 address, bool write)
{
	struct still_msg msg = {
		.kind = STILL_MSG_FAULT_IN,
		.proc = proc->id,
		.arg = { address, write },
	};

	atomic64_inc(&proc->os->fault_ins);
	return still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, true);
}

/*
 * Asks the LWK for the page. 0: look again. The wait is without mmap_lock wherever the faulter lets us
 * drop it, as userfaultfd does; an error is then kept for the retry, which must not ask once more.
 */
static vm_fault_t fault_in(struct still_proc *proc, struct vm_fault *vmf, u64 address, bool write)
{
	struct file *file;
	int ret;

	/* Its core is being written, also of what was never touched: too many pages to ask for each. */
	if (!write && READ_ONCE(proc->page->ended))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_TRIED) {
		ret = recall_error(proc, address);
		if (ret)
			return as_fault(ret);
	}
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY)) {
		ret = ask(proc, address, write);
		return ret < 0 ? as_fault(ret) : 0;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	file = get_file(pseudo_file(vmf->vma)); /* keeps proc, once the VMA can go */
	still_release_fault_lock(vmf);
	ret = ask(proc, address, write);
	if (ret < 0 && !fatal_signal_pending(current))
		remember_error(proc, address, ret);
	fput(file);
	return VM_FAULT_RETRY;
}

/* The page is locked; see there. */
static bool may_insert(const struct wanted *wanted, struct page *page, bool write)
{
	return mark_seen(wanted->proc, wanted->address, page, write) &&
	       (!wanted->by_peer || still_peers_allow(wanted->proc, write));
}

static vm_fault_t insert(struct vm_fault *vmf, const struct wanted *wanted, bool write)
{
	struct still_proc *proc = wanted->proc;
	u64 address = wanted->address;
	struct page *page;
	vm_fault_t ret;

	for (;;) {
		if (!still_os_check(proc->os) || fatal_signal_pending(current))
			return VM_FAULT_SIGBUS;
		if (wanted->by_peer && !still_peers_allow(proc, write))
			return VM_FAULT_SIGSEGV;
		page = find_page(proc, address, write);
		if (IS_ERR(page))
			return as_fault(PTR_ERR(page));
		if (!page) {
			ret = fault_in(proc, vmf, address, write);
			if (ret)
				return ret;
			continue;
		}
		lock_page(page);
		if (may_insert(wanted, page, write))
			break;
		unlock_page(page);
		put_page(page);
	}
	atomic64_inc(&proc->os->faults);
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

static vm_fault_t proxy_fault(struct vm_fault *vmf)
{
	const struct wanted wanted = wanted_of(vmf);

	return insert(vmf, &wanted, vmf->flags & FAULT_FLAG_WRITE);
}

/*
 * A store to a page that is mapped read-only. If the LWK's entry does not allow it as it is, the Linux
 * mapping is dropped and the store faults again, in proxy_fault(), where one can wait for the LWK.
 */
static vm_fault_t make_writable(struct vm_fault *vmf, const struct wanted *wanted)
{
	struct page *page = vmf->page;

	lock_page(page);
	if (wanted->proc && may_insert(wanted, page, true))
		return VM_FAULT_LOCKED;
	unmap_mapping_pages(proc_of(vmf->vma)->os->inode->i_mapping, vmf->pgoff, 1, false);
	unlock_page(page);
	return VM_FAULT_NOPAGE;
}

static vm_fault_t proxy_mkwrite(struct vm_fault *vmf)
{
	const struct wanted wanted = wanted_of(vmf);

	return make_writable(vmf, &wanted);
}

/*
 * A debugger writes, by /proc/PID/mem or from Linux by ptrace, what the program may not write: breakpoints into its
 * text. The LWK does it. mmap_lock is held, as for a fault that can't be retried.
 */
static int proxy_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			int write)
{
	struct still_proc *proc = proc_of(vma);
	u64 address =
		addr - vma->vm_start + ((u64)vma->vm_pgoff << PAGE_SHIFT) - still_proc_window(proc);
	int done, ret;

	len = min_t(int, len, PAGE_SIZE - offset_in_page(addr));
	if (!write)
		return still_vdso_read(proc, vma->vm_mm, address, buf, len);
	for (done = 0; done < len; done += sizeof(u64)) {
		int bytes = min_t(int, len - done, sizeof(u64));
		struct still_msg msg = {
			.kind = STILL_MSG_PATCH,
			.proc = proc->id,
			.arg = { address + done, bytes },
		};

		memcpy(&msg.arg[2], buf + done, bytes);
		ret = still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, true);
		if (ret < 0)
			return done ?: -EFAULT;
	}
	return len;
}

const struct vm_operations_struct still_proxy_vm_ops = {
	.fault = proxy_fault,
	.page_mkwrite = proxy_mkwrite,
	.access = proxy_access,
};

static bool has_changed(struct still_proc *proc, unsigned int seen)
{
	return atomic_read(&proc->pinnable_changes) != seen;
}

/*
 * From 6.5 on Linux pins no memory for long whose vm_ops have a page_mkwrite. Here nothing is mapped that may not be
 * written, so none is needed. mcexec's list of what may be grows old when the program changes it meanwhile: who wants
 * to read what may only be read waits until that is mapped as ever again, at the latest when the calls that pin have
 * ended. Not for ever, since such a call may wait for what the reader holds.
 */
static vm_fault_t pinnable_fault(struct vm_fault *vmf)
{
	const struct wanted wanted = wanted_of(vmf);
	struct still_proc *proc = wanted.proc;
	u64 address = wanted.address;
	vm_fault_t ret = insert(vmf, &wanted, true);
	struct file *file;
	unsigned int seen;

	if (ret != VM_FAULT_SIGSEGV ||
	    (vmf->flags & (FAULT_FLAG_WRITE | FAULT_FLAG_RETRY_NOWAIT)) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return ret;
	seen = atomic_read(&proc->pinnable_changes); /* none of this mapping: its lock is held */
	file = get_file(pseudo_file(vmf->vma));      /* keeps proc, once the VMA can go */
	still_release_fault_lock(vmf);
	if (ask(proc, address, false) < 0 ||
	    !wait_event_killable_timeout(proc->pinnable_wait, has_changed(proc, seen),
					 PINNABLE_WAIT))
		remember_error(proc, address, -EIO);
	fput(file);
	return VM_FAULT_RETRY;
}

const struct vm_operations_struct still_pinnable_vm_ops = {
	.fault = pinnable_fault,
	.access = proxy_access,
};

/* The pseudo file is not vm_file, so the mapping itself holds it, and with it the process and the module. */
static void disguised_open(struct vm_area_struct *vma)
{
	get_file(pseudo_file(vma));
}

static void disguised_close(struct vm_area_struct *vma)
{
	fput(pseudo_file(vma));
}

const struct vm_operations_struct still_disguised_vm_ops = {
	.open = disguised_open,
	.close = disguised_close,
	.fault = proxy_fault,
	.page_mkwrite = proxy_mkwrite,
	.access = proxy_access,
};

/* With a reference, if there is one. */
static struct wanted wanted_of_peer(struct vm_fault *vmf)
{
	struct wanted wanted = { .by_peer = true };

	wanted.proc =
		still_peers_find(proc_of(vmf->vma), (u64)vmf->pgoff << PAGE_SHIFT, &wanted.address);
	return wanted;
}

static vm_fault_t peer_fault(struct vm_fault *vmf)
{
	const struct wanted wanted = wanted_of_peer(vmf);
	vm_fault_t ret;

	if (!wanted.proc)
		return VM_FAULT_SIGSEGV;
	ret = insert(vmf, &wanted, vmf->flags & FAULT_FLAG_WRITE);
	still_proc_put(wanted.proc);
	return ret;
}

static vm_fault_t peer_mkwrite(struct vm_fault *vmf)
{
	const struct wanted wanted = wanted_of_peer(vmf);
	vm_fault_t ret = make_writable(vmf, &wanted);

	if (wanted.proc)
		still_proc_put(wanted.proc);
	return ret;
}

const struct vm_operations_struct still_peers_vm_ops = {
	.fault = peer_fault,
	.page_mkwrite = peer_mkwrite,
};
