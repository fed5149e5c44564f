// SPDX-License-Identifier: BSD-2-Clause
// Life of processes, as the module's messages drive it.
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <exec/fork.hpp>
#include <exec/peers.hpp>
#include <exec/process_table.hpp>
#include <exec/report.hpp>
#include <exec/timers.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

Status create(const still_msg& m, u64& root)
{
    Process* p = TRY(admit_process(m));
    const still_proc_page copy = *p->page;
    p->pid = copy.pid;
    p->limit_stack = copy.limit_stack;
    p->limit_memlock = copy.limit_memlock;
    p->cpu_base_ns = copy.cpu_base_ns;
    p->limit_sigpending = copy.limit_sigpending;
    p->limit_cpu = copy.limit_cpu;
    p->space.limit_resident =
        min<u64>(memory_per_process(), copy.limit_resident != 0 ? copy.limit_resident : ~0ull);
    {
        LockGuard guard(p->lock);
        for (u32 i = 0; i < num_signals; ++i)
            if ((copy.ignored_signals >> i & 1) != 0)
                p->actions.of[i].handler = 1;
    }
    root = p->space.tables().raw();
    Status done = join_peers(*p);
    if (done)
        done = enter_process(*p);
    if (!done)
        dismiss_process(p);
    return done;
}

Status build_memory(Process& p)
{
    const still_exec exec = p.page->exec; // copied once, then checked
    if (exec.num_segments == 0 || exec.num_segments > STILL_MAX_SEGMENTS || p.started)
        return fail(Errno::inval);
    if (((exec.brk_start | exec.mmap_top) & (page_size - 1)) != 0)
        return fail(Errno::inval);
    p.space.brk_start = p.space.brk_end = UserAddr(exec.brk_start);
    p.space.mmap_top = UserAddr(exec.mmap_top);
    for (u32 i = 0; i < exec.num_segments; ++i) {
        const still_segment& s = exec.segments[i];
        if ((s.flags & STILL_SEGMENT_VDSO) != 0) {
            const u32 pages = min<u32>(p.page->num_vdso_pages, STILL_MAX_VDSO_PAGES);
            u64 list[STILL_MAX_VDSO_PAGES];
            for (u32 n = 0; n < pages; ++n)
                list[n] = p.page->vdso_frames[n] & STILL_PTE_ADDRESS;
            TRY_STATUS(p.space.map_foreign(UserAddr(s.addr), list, pages, p.page->num_vvar_pages));
            continue;
        }
        MapRequest request;
        request.hint = UserAddr(s.addr);
        request.length = s.len;
        request.prot = s.prot & 7;
        request.fixed = true;
        request.stack = (s.flags & STILL_SEGMENT_STACK) != 0;
        request.lazy = request.stack;
        request.traits.grows_down = request.stack;
        request.file_offset = s.file_offset;
        if (((s.addr | s.len | s.file_offset) & (page_size - 1)) != 0 || s.len == 0)
            return fail(Errno::inval);
        if (s.file >= 0) {
            request.kind = VmaKind::file;
            request.file = p.space.find_or_make_file(static_cast<u32>(s.file));
            if (request.file == nullptr)
                return fail(Errno::nomem);
        }
        if (auto placed = map_area(p, request, false, !request.lazy); !placed)
            return fail(placed.error());
    }
    return {};
}

Status start(Process& p, u64 entry, u64 stack)
{
    if (p.started || entry >= arch::user_limit || stack >= arch::user_limit)
        return fail(Errno::inval);
    CpuMask mask, present;
    __builtin_memcpy(mask, p.page->cpu_mask, sizeof(mask));
    __builtin_memcpy(present, mask, sizeof(mask));
    if (!keep_present(present))
        return fail(Errno::inval);
    Cpu& c = choose_cpu(mask);
    Task* task = make_task(p, 0, p.pid, c.arch.node);
    if (task == nullptr)
        return fail(Errno::nomem);
    __builtin_memcpy(task->affinity, mask, sizeof(mask));
    task->signals.mask = p.page->blocked_signals & ~(signal_bit(sig_kill) | signal_bit(sig_stop));
    task->uid = p.page->uid;
    task->start.rip = entry;
    task->start.rsp = stack;
    task->start.cs = arch::user_code;
    task->start.ss = arch::user_data;
    task->start.rflags = arch::flag_if;
    p.started = true;
    trace::adopt(*task);
    start_task(p, *task, c);
    return watch_cpu_limit(p);
}

// again: tasks are on their way out, or somebody holds it: another CPU's service thread at an earlier message, a task
// of another process. They are not waited for here: they may need Linux, and Linux this thread.
Status release(u32 handle)
{
    {
        LockGuard guard(process_table_lock);
        if (Process* p = lookup_process(handle); p != nullptr) {
            kill_process(*p);
            leave_peers(*p); // nobody comes to hold it from there
        }
    }
    Process* p = TRY(remove_process(handle));
    forget_guests(*p);
    free_signals(*p, nullptr);
    free_timers(*p);
    destroy_memory(*p);
    // CPUs may keep translations of these pages; nobody uses those addresses until they are lent again.
    ikc::give_back(p->lent_start, p->lent_bytes);
    {
        LockGuard guard(p->lock);
        for (u32 i = 0; i < p->num_more; ++i)
            ikc::give_back(p->more_slots[i].start, STILL_MORE_SLOTS * sizeof(still_slot));
    }
    free_process(p);
    return {};
}

void fault_in(Process& p, const still_msg& m)
{
    // Whoever reads a dead program's memory (its core is being written) shall not make it grow.
    if (p.dying.load() && !p.space.is_resident(UserAddr(m.arg[0] & ~(page_size - 1)))) {
        ikc::reply(m, -static_cast<i64>(Errno::fault));
        return;
    }
    const FaultError e =
        resolve_fault(p, UserAddr(m.arg[0]), m.arg[1] != 0 ? Access::write : Access::read, Asker::linux);
    i64 status = 0;
    if (e.signo == sig_kill)
        status = -static_cast<i64>(Errno::nomem);
    else if (e.signo != 0)
        status = -static_cast<i64>(Errno::fault);
    ikc::reply(m, status);
}

Status patch(Process& p, const still_msg& m)
{
    const UserAddr to(m.arg[0]);
    const u64 bytes = m.arg[1];
    if (bytes == 0 || bytes > sizeof(m.arg[2]) || (to.raw() & (page_size - 1)) + bytes > page_size)
        return fail(Errno::inval);
    return patch_memory(p, to, &m.arg[2], bytes, Asker::linux);
}

void wake_slot(Process& p, u64 slot)
{
    LockGuard guard(p.lock);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        if (t->slot.index() == slot)
            unpark(*t);
    for (Process* g = p.guests; g != nullptr; g = g->next_guest)
        wake_slot(*g, slot);
}

// A relayed signal. Not in the interrupt: a real-time signal needs memory.
Status take_relayed(Process& p, const still_msg& m)
{
    SignalInfo info;
    info.signo = static_cast<u32>(m.arg[0] & 0xff);
    info.code = static_cast<i32>(m.arg[1]);
    info.error = static_cast<i32>(m.arg[1] >> 32);
    info.pid = static_cast<u32>(m.arg[2]);
    info.uid = static_cast<u32>(m.arg[2] >> 32);
    info.value = m.arg[3];
    info.rest[0] = m.arg[4];
    info.rest[1] = m.arg[5];
    if (info.signo == 0 || info.signo > num_signals)
        return fail(Errno::inval);
    const u32 tid = static_cast<u32>(m.arg[0] >> 32);
    const u64 slot_plus_one = m.arg[0] >> 8 & 0xffffff;
    Process* guest = slot_plus_one != 0 ? hold_guest(p, slot_plus_one - 1) : nullptr;
    const Status done = send_signal(guest != nullptr ? *guest : p, tid, info);
    if (guest != nullptr)
        let_process_go(*guest);
    return done;
}

// In an interrupt: Linux waits for it, with locks held. Requests may be carried out in any order.
void flush_mirrored(const still_msg& m)
{
    Process* p = hold_process(m.proc);
    if (p == nullptr)
        return;
    shoot_down(p->space);
    u64 done = __atomic_load_n(&p->page->flushed, __ATOMIC_RELAXED);
    while (static_cast<i64>(done - m.arg[0]) < 0 &&
           !__atomic_compare_exchange_n(&p->page->flushed, &done, m.arg[0], false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    let_process_go(*p);
}

i64 to_status(const Status& s)
{
    return s ? 0 : -static_cast<i64>(s.error());
}

} // namespace

// A process without tasks, with an empty address space, not in the table yet. arg[0] and arg[1] of the message: its
// area, and the number of slots in it.
Result<Process*> admit_process(const still_msg& m)
{
    const PhysAddr at(m.arg[0]);
    const u64 slots = m.arg[1];
    if (!at.aligned(page_size) || slots == 0 || slots > STILL_PROC_SLOTS || is_known_process(m.proc))
        return fail(Errno::inval);
    const u64 bytes = (page_size + slots * sizeof(still_slot) + page_size - 1) & ~(page_size - 1);
    TRY_STATUS(ikc::borrow(at, bytes));
    auto* page = arch::direct<still_proc_page>(at);
    const still_proc_page copy = *page;
    if (copy.magic != STILL_MAGIC)
        return fail(Errno::inval);
    Process* p = make_process(nullptr);
    if (p == nullptr)
        return fail(Errno::nomem);
    p->handle = m.proc;
    p->page = page;
    p->slots = arch::direct<still_slot>(at + page_size);
    p->num_slots = static_cast<u32>(slots);
    p->lent_start = at;
    p->lent_bytes = bytes;
    if (const Status s = p->space.init(copy, &page->walkers); !s) {
        dismiss_process(p);
        return fail(s.error());
    }
    return p;
}

void dismiss_process(Process* p)
{
    leave_peers(*p);
    destroy_memory(*p);
    ikc::give_back(p->lent_start, p->lent_bytes);
    free_process(p);
}

bool handle_immediate(const still_msg& m)
{
    switch (m.kind) {
    case STILL_MSG_SLOT_WAKE:
    case STILL_MSG_PROC_KILL:
    case STILL_MSG_PROC_STOP:
        break;
    case STILL_MSG_FLUSH:
        flush_mirrored(m);
        return true;
    case STILL_MSG_PAGE_FREE: {
        // One owner for each entry in which the module marked it.
        FrameChain unowned;
        Frame* frame = frames::lookup(PhysAddr(m.arg[0]));
        for (u64 i = 0; i < m.arg[1] && frame != nullptr && frame->state != Frame::State::free; ++i) {
            frames::disown(unowned, frame->address(), 0);
            frames::release(unowned);
        }
        return true;
    }
    default:
        return false;
    }
    LockGuard guard(process_table_lock);
    Process* p = lookup_process(m.proc);
    if (p == nullptr)
        return true;
    if (m.kind == STILL_MSG_PROC_KILL) {
        kill_process(*p);
        return true;
    }
    if (m.kind == STILL_MSG_SLOT_WAKE) {
        wake_slot(*p, m.arg[0]);
        return true;
    }
    LockGuard inner(p->lock);
    p->stopped.store(__atomic_load_n(&p->page->stopped, __ATOMIC_ACQUIRE) != 0);
    p->stop_signo.store(0);
    for (Task* t = p->tasks; t != nullptr; t = t->next_task) {
        if (t->tracee != nullptr)
            t->trap.store(true);
        unpark(*t);
        kick(*t);
    }
    return true;
}

void handle_deferred(const still_msg& m)
{
    if (m.kind == STILL_MSG_PROC_CREATE) {
        u64 root = 0;
        const i64 status = to_status(create(m, root));
        ikc::reply(m, status, root);
        return;
    }
    if (m.kind == STILL_MSG_PROC_FORK) {
        u64 root = 0;
        const i64 status = to_status(fork_process(m, root));
        ikc::reply(m, status, root);
        return;
    }
    if (m.kind == STILL_MSG_PROC_RELEASE) {
        ikc::reply(m, to_status(release(m.proc)));
        return;
    }
    Process* p = hold_process(m.proc);
    if (p == nullptr) {
        ikc::reply(m, -static_cast<i64>(Errno::srch));
        return;
    }
    switch (m.kind) {
    case STILL_MSG_PROC_EXEC:
        ikc::reply(m, to_status(build_memory(*p)));
        break;
    case STILL_MSG_PROC_START:
        ikc::reply(m, to_status(start(*p, m.arg[0], m.arg[1])));
        break;
    case STILL_MSG_FAULT_IN:
        fault_in(*p, m);
        break;
    case STILL_MSG_PATCH:
        ikc::reply(m, to_status(patch(*p, m)));
        break;
    case STILL_MSG_FILE_CUT:
        ikc::reply(m, to_status(cut_file(*p, static_cast<u32>(m.arg[0]), m.arg[1])));
        break;
    case STILL_MSG_CPU_TIME:
        ikc::reply(m, 0, tsc_to_ns(process_busy_ticks(*p)));
        break;
    case STILL_MSG_SIGNAL:
        ikc::reply(m, to_status(take_relayed(*p, m)));
        break;
    case STILL_MSG_SIGNAL_TAKE:
        serve_signalfd(*p, m);
        break;
    case STILL_MSG_REPORT: {
        u64 next = 0;
        const auto count = report(*p, m.arg[0], m.arg[1], next);
        ikc::reply(m, count ? static_cast<i64>(*count) : -static_cast<i64>(count.error()), next);
        break;
    }
    default:
        log("message of unknown kind {} dropped", m.kind);
        ikc::reply(m, -static_cast<i64>(Errno::inval));
    }
    let_process_go(*p);
}

} // namespace still
