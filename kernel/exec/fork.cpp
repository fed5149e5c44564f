// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <debug/panic.hpp>
#include <exec/fork.hpp>
#include <exec/process_table.hpp>
#include <exec/timers.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

// The parent's lock is held; the child is known to nobody else.
void inherit_process(Process& child, const Process& parent, bool clear_handlers) NO_THREAD_SAFETY
{
    child.actions = parent.actions;
    for (SignalAction& action : child.actions.of)
        if (clear_handlers && action.handler > 1)
            action = {};
    child.announced_signals = parent.announced_signals;
    child.limit_stack = parent.limit_stack;
    child.limit_memlock = parent.limit_memlock;
    child.limit_sigpending = parent.limit_sigpending;
    child.limit_cpu = parent.limit_cpu;
    child.started = true;
}

// Before the child runs: a tracer of the task that makes it may want to see it. Without memory it is not followed.
void tell_tracer(Process& child, Task& first, u32 parent_tid, const CloneRequest& request)
{
    child.parent_tid = parent_tid;
    child.birth_event = request.event == trace::event_vfork ? request.event : 0;
    (void)trace::follow(parent_tid, first, request);
}

// Calls use(owner, task) under the owner's lock for the task of that id that waits for its fork. false: it has gone.
template <class Use> bool with_forking_task(Process& p, u32 tid, Use&& use) NO_THREAD_SAFETY
{
    LockGuard guard(p.lock);
    if (const Task* task = find_task(p, tid); task != nullptr && task->fork_request != nullptr) {
        use(p, *task);
        return true;
    }
    for (Process* g = p.guests; g != nullptr; g = g->next_guest)
        if (with_forking_task(*g, tid, use))
            return true;
    return false;
}

// Starts the child's only task, as the forking one was when it called.
Status copy_task(Process& child, Process& parent, u32 tid)
{
    Task* task = make_task(child, 0, ~0u, this_cpu().arch.node);
    if (task == nullptr)
        return fail(Errno::nomem);
    CloneRequest request;
    const bool there = with_forking_task(parent, tid, [&](Process& owner, const Task& original) {
        request = *original.fork_request;
        inherit(*task, original, *original.fork_request);
        inherit_process(child, owner, original.fork_request->clear_handlers);
        task->signals.alt = original.signals.alt;
        task->child_tid_set = original.fork_request->child_tid_set;
        task->rseq_area = original.rseq_area;
        task->rseq_signature = original.rseq_signature;
    });
    if (!there) {
        free_task(task);
        return fail(Errno::srch);
    }
    task->unborn = true;
    tell_tracer(child, *task, tid, request);
    start_task(child, *task, choose_cpu(task->affinity)); // it waits for the proxy that is yet to be forked
    return {};
}

// While it lives the task's request can be found by the module's message.
class PublishedRequest {
  public:
    PublishedRequest(Task& task, const CloneRequest& request) : task_(task) { set(&request); }
    ~PublishedRequest() { set(nullptr); }
    PublishedRequest(const PublishedRequest&) = delete;
    PublishedRequest& operator=(const PublishedRequest&) = delete;

  private:
    void set(const CloneRequest* request)
    {
        LockGuard guard(task_.owner->lock);
        task_.fork_request = request;
    }
    Task& task_;
};

void save_registers(Task& task)
{
    arch::save_segments(task.segments);
    arch::fpu_save(task.fpu);
}

void unlink_guest(Process& host, Process& guest)
{
    LockGuard guard(host.lock);
    for (Process** at = &host.guests; *at != nullptr; at = &(*at)->next_guest) {
        if (*at == &guest) {
            *at = guest.next_guest;
            return;
        }
    }
}

// The guest's proxy has executed another program, or ended: nothing of the guest may run on.
void end_guest(Process& host, Process& guest, u32 slot)
{
    kill_process(guest);
    while (count_tasks(guest) != 0)
        park_until(arch::read_tsc() + us_to_tsc(100));
    unlink_guest(host, guest);
    while (guest.holders.load() != 0)
        wait_a_moment();
    free_signals(guest, nullptr);
    free_timers(guest);
    free_process(&guest);
    // Its last request will not be answered.
    still_slot& s = slot_at(host, slot);
    __atomic_store_n(&s.seq, __atomic_load_n(&s.answer_seq, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
    give_slot_back(host, slot);
}

Result<u32> to_pid(const Result<i64>& answer)
{
    if (!answer)
        return fail(answer.error());
    if (*answer <= 0)
        return fail(static_cast<Errno>(-*answer));
    return static_cast<u32>(*answer);
}

} // namespace

Status fork_process(const still_msg& m, u64& root)
{
    Process* parent = hold_process(static_cast<u32>(m.arg[2]));
    if (parent == nullptr)
        return fail(Errno::srch);
    const auto admitted = admit_process(m);
    if (!admitted) {
        let_process_go(*parent);
        return fail(admitted.error());
    }
    Process* child = *admitted;
    root = child->space.tables().raw();
    Status done = fork_memory(*parent, *child);
    if (done)
        done = enter_process(*child);
    if (!done) {
        let_process_go(*parent);
        dismiss_process(child);
        return done;
    }
    const Status copied = copy_task(*child, *parent, static_cast<u32>(m.arg[3]));
    let_process_go(*parent);
    if (!copied) {
        STILL_ASSERT(remove_process(child->handle)); // nobody knows it yet
        dismiss_process(child);
        return copied;
    }
    (void)watch_cpu_limit(*child); // without memory it goes unwatched
    return {};
}

// No task is left that could look, and nobody who holds one.
void forget_guests(Process& p) NO_THREAD_SAFETY
{
    while (p.guests != nullptr) {
        Process* guest = p.guests;
        unlink_guest(p, *guest);
        free_signals(*guest, nullptr);
        free_timers(*guest);
        free_process(guest);
    }
}

Result<u32> fork_task(Task& task, const CloneRequest& request, u64 flags)
{
    save_registers(task);
    const PublishedRequest published(task, request);
    task.awaits_child.store(true);
    const auto answer = offload_quickly(task, STILL_CALL_FORK, flags);
    task.awaits_child.store(false);
    return to_pid(answer);
}

namespace {

// A guest of the task's host, whose only task starts as the calling one was and waits for its proxy.
Result<Process*> start_guest(Task& task, const CloneRequest& request, u64 flags)
{
    Process& parent = *task.owner;
    Process& host = parent.host != nullptr ? *parent.host : parent;
    const u32 slot = TRY(take_slot(host));
    Process* guest = make_process(&host);
    if (guest == nullptr) {
        give_slot_back(host, slot);
        return fail(Errno::nomem);
    }
    guest->handle = host.handle;
    guest->page = host.page;
    guest->birth.slot = slot;
    guest->birth.flags = flags;
    Cpu& c = choose_cpu(task.affinity);
    Task* child = make_task(*guest, slot, ~0u, c.arch.node);
    if (child == nullptr) {
        free_process(guest);
        give_slot_back(host, slot);
        return fail(Errno::nomem);
    }
    save_registers(task);
    inherit(*child, task, request);
    child->signals.alt = task.signals.alt;
    child->child_tid_set = request.child_tid_set;
    child->unborn = true;
    {
        LockGuard guard(parent.lock);
        inherit_process(*guest, parent, request.clear_handlers);
    }
    tell_tracer(*guest, *child, task.tid, request);
    {
        LockGuard guard(host.lock);
        guest->next_guest = host.guests;
        host.guests = guest;
        start_task(*guest, *child, c);
    }
    return guest;
}

} // namespace

Result<u32> vfork_task(Task& task, const CloneRequest& request, u64 flags)
{
    Process* guest = TRY(start_guest(task, request, flags));
    task.awaits_child.store(true);
    const auto answer = offload_quickly(task, STILL_CALL_VFORK, guest->birth.slot, flags);
    task.awaits_child.store(false);
    if (!answer)
        return fail(answer.error()); // the process ends, and its guest with it: forget_guests()
    end_guest(*guest->host, *guest, guest->birth.slot);
    return to_pid(answer);
}

Result<u32> clone_beside(Task& task, const CloneRequest& request, u64 flags)
{
    Process& host = *task.owner;
    Task* keeper = TRY(make_keeper(task));
    const auto started = start_guest(task, request, flags);
    Process* guest = started ? *started : nullptr;
    keeper->keeps = guest;
    start_task(host, *keeper, choose_cpu(keeper->affinity)); // without a guest it just ends
    if (guest == nullptr)
        return fail(started.error());
    for (;;) {
        const u32 pid = __atomic_load_n(&guest->pid, __ATOMIC_ACQUIRE);
        const i64 answer = guest->birth.answer.load(); // killed before it knew its pid, or not made
        const bool ending = host.dying.load();
        if (pid == 0 && answer == 0 && !ending) {
            park_until(arch::read_tsc() + us_to_tsc(100));
            continue;
        }
        guest->birth.awaited.store(false); // from here on it may be gone
        if (pid != 0)
            return pid;
        return answer != 0 ? to_pid(answer) : fail(Errno::intr);
    }
}

void keep_guest(Task& keeper)
{
    if (keeper.keeps == nullptr)
        exit_task(keeper, 0);
    Process& guest = *keeper.keeps;
    const auto answer = offload_quickly(keeper, STILL_CALL_VFORK, guest.birth.slot, guest.birth.flags);
    leave_if_dying(keeper);
    guest.birth.answer.store(answer ? *answer : -static_cast<i64>(answer.error()));
    while (guest.birth.awaited.load()) {
        leave_if_dying(keeper);
        park_until(arch::read_tsc() + us_to_tsc(100));
    }
    end_guest(*guest.host, guest, guest.birth.slot);
    exit_task(keeper, 0);
}

} // namespace still
