// SPDX-License-Identifier: BSD-2-Clause
// Tasks: made, cloned, ended.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <exec/core_file.hpp>
#include <exec/fork.hpp>
#include <exec/futex.hpp>
#include <exec/peers.hpp>
#include <exec/process.hpp>
#include <exec/rseq.hpp>
#include <exec/spare_proxies.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <exec/way_back.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

ObjectCache<Task> task_cache;
ObjectCache<Process> process_cache;

void reap_task(Thread* thread)
{
    Task* task = static_cast<Task*>(thread);
    Process& p = *task->owner;
    free_signals(p, task);
    free_task(task);
    // Last: PROC_RELEASE frees the process once nobody is left.
    LockGuard guard(p.lock);
    --p.num_tasks;
}

// A forked child learns from its proxy, once that is there, who it is.
void learn_pid(Task& task)
{
    if (task.ending)
        keep_guest(task);
    const auto pid = offload_quickly(task, STILL_CALL_IDENTIFY);
    leave_if_dying(task);
    if (!pid || *pid <= 0)
        exit_process(task, 1);
    const u32 number = static_cast<u32>(*pid);
    task.owner->pid = task.pid = task.tid = number;
    task.unborn = false;
    if (task.tracee != nullptr)
        trace::name(task);
    if (task.owner->birth_event != 0)
        trace::stop_parent(task.owner->parent_tid, task, task.owner->birth_event);
    if (task.child_tid_set != 0)
        (void)copy_to_user(task.child_tid_set, &number, sizeof(number));
}

void first_user_entry(void* argument)
{
    Task& task = *static_cast<Task*>(argument);
    // SAFETY: the frame lies at the top of this task's own stack, above everything in use.
    auto* frame = reinterpret_cast<arch::TrapFrame*>(task.stack_top() - sizeof(arch::TrapFrame));
    *frame = task.start;
    if (task.unborn)
        learn_pid(task);
    choose_offload_way(task);
    leave_if_dying(task);
    rseq::on_return(task, *frame);
    if (task.tracee != nullptr) {
        trace::stop_after_exec(task, *frame);
        attend(task, *frame, static_cast<i32>(frame->vector));
    }
    arch::still_enter_user(frame);
}

u32 fpu_order()
{
    u32 order = 0;
    while (order_bytes(order) < arch::fpu_size())
        ++order;
    return order;
}

} // namespace

// As sched(7) says under "The reset-on-fork flag".
void inherit_scheduling(Thread& child, const Thread& parent)
{
    child.sched = parent.sched;
    if (!parent.sched.reset_on_fork)
        return;
    child.sched.reset_on_fork = false;
    if (parent.sched.is_real_time()) {
        child.sched.policy = Policy::other;
        child.sched.priority = 0;
    }
    child.sched.nice = max(child.sched.nice, 0);
}

// A task on that slot, not yet running and not yet in the process's list.
Task* make_task(Process& p, u32 slot, u32 tid, NodeId node)
{
    Task* task = task_cache.make();
    if (task == nullptr)
        return nullptr;
    task->owner = &p;
    task->process = &p;
    task->space = &p.space;
    task->pid = p.pid;
    task->tid = tid;
    task->name = "task";
    task->on_reap = reap_task;
    task->fpu_order = fpu_order();
    task->fpu = frames::allocate_memory(node, task->fpu_order);
    if (task->fpu == nullptr || !prepare_thread(*task, node, first_user_entry, task)) {
        free_task(task);
        return nullptr;
    }
    arch::fpu_init(task->fpu);
    task->slot.bind(&slot_at(p, slot), p.handle, slot, tid, p.page->poll_ticks);
    return task;
}

void free_task(Task* task)
{
    trace::free_debug_registers(*task);
    free_thread_memory(*task);
    task_cache.destroy(task);
}

Process* make_process(Process* host)
{
    return process_cache.make(host);
}

void free_process(Process* p)
{
    process_cache.destroy(p);
}

void start_task(Process& p, Task& task, Cpu& c)
{
    LockGuard guard(p.lock);
    task.next_task = p.tasks;
    p.tasks = &task;
    ++p.num_tasks;
    start_thread(task, c);
}

Task* find_task(Process& p, u32 tid)
{
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        if (t->tid == tid)
            return t;
    return nullptr;
}

u64 process_busy_ticks(Process& p)
{
    LockGuard guard(p.lock);
    return process_busy_ticks_locked(p);
}

u64 process_busy_ticks_locked(Process& p)
{
    u64 sum = p.dead_ticks;
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        sum += busy_ticks(*t);
    return sum;
}

u64 process_cpu_ns(Process& p)
{
    return p.cpu_base_ns + tsc_to_ns(process_busy_ticks(p));
}

void inherit(Task& child, const Task& parent, const CloneRequest& request)
{
    __builtin_memcpy(child.affinity, parent.affinity, sizeof(child.affinity));
    child.signals.mask = parent.signals.mask;
    child.start = request.frame;
    child.start.rax = 0;
    child.segments = parent.segments;
    if (request.set_fs)
        child.segments.fs_base = request.fs_base;
    __builtin_memcpy(child.fpu, parent.fpu, arch::fpu_size());
    child.clear_tid = request.child_tid_clear;
    inherit_scheduling(child, parent);
    child.policy = parent.policy;
    child.uid = parent.uid;
}

namespace {

// A task on the slot of a proxy thread that has lost its own, which needs nothing of Linux; nullptr: there is none.
Task* make_task_on_spare(Task& parent, NodeId node)
{
    Process& p = *parent.owner;
    const auto place = take_spare_proxy(parent);
    if (!place)
        return nullptr;
    Task* task = make_task(p, place->slot, place->tid, node);
    if (task == nullptr)
        return_spare_proxy(p, place->slot);
    return task;
}

Result<Task*> make_task_and_proxy(Task& parent, u64 own, NodeId node)
{
    Process& p = *parent.owner;
    const u32 slot = TRY(take_slot(p));
    Task* task = make_task(p, slot, ~0u, node);
    if (task == nullptr) {
        give_slot_back(p, slot);
        return fail(Errno::again); // as Linux says it (pthread_create(3))
    }
    const auto tid = offload(parent, STILL_CALL_CLONE, slot, own);
    if (!tid || *tid <= 0) {
        task->slot.unbind();
        free_task(task);
        return fail(tid ? static_cast<Errno>(-*tid) : Errno::intr);
    }
    task->tid = static_cast<u32>(*tid);
    task->slot.bind(&slot_at(p, slot), p.handle, slot, task->tid, p.page->poll_ticks);
    return task;
}

} // namespace

Result<u32> clone_task(Task& parent, const CloneRequest& request)
{
    Process& p = *parent.owner;
    if (p.host != nullptr)
        return fail(Errno::again); // a guest has one task: docs/limits.md
    Cpu& c = choose_cpu(parent.affinity);
    Task* task = request.own == 0 ? make_task_on_spare(parent, c.arch.node) : nullptr;
    if (task == nullptr)
        task = TRY(make_task_and_proxy(parent, request.own, c.arch.node));
    arch::save_segments(parent.segments);
    arch::fpu_save(parent.fpu);
    inherit(*task, parent, request);
    const u32 number = task->tid;
    if (request.parent_tid != 0)
        (void)copy_to_user(request.parent_tid, &number, sizeof(number));
    if (request.child_tid_set != 0)
        (void)copy_to_user(request.child_tid_set, &number, sizeof(number));
    if (parent.tracee != nullptr)
        (void)trace::follow(parent.tid, *task, request); // without memory it is not followed
    start_task(p, *task, c);
    return number;
}

const arch::TrapFrame& user_frame(const Task& task)
{
    // SAFETY: the first that a system call or an interrupt puts on the thread's stack.
    return *reinterpret_cast<const arch::TrapFrame*>(task.stack_top() - sizeof(arch::TrapFrame));
}

Result<Task*> make_keeper(Task& parent)
{
    Task* task = TRY(make_task_and_proxy(parent, 0, this_cpu().arch.node));
    task->signals.mask = ~unblockable;
    task->ending = true; // nobody's last thread, and nobody is to meet it
    task->unborn = true;
    __builtin_memcpy(task->affinity, parent.affinity, sizeof(task->affinity));
    return task;
}

namespace {

void end_proxy(Task& task)
{
    if (task.owner->dying.load())
        return;
    task.slot.tell({STILL_CALL_THREAD_EXIT, {}});
    task.slot.unbind();
}

enum class Proxy { ends, is_spared };

[[noreturn]] void leave(Task& task, Proxy proxy = Proxy::ends)
{
    Process& p = *task.owner;
    bool was_spared = true;
    pose_for_core(task);
    {
        LockGuard guard(p.lock);
        task.ending = true; // nobody begins to wait for it
    }
    if (task.tracee != nullptr)
        trace::begin_end(task);
    futex::release_owned(task, true);
    {
        LockGuard guard(p.lock);
        for (Task** at = &p.tasks; *at != nullptr; at = &(*at)->next_task) {
            if (*at == &task) {
                *at = task.next_task;
                break;
            }
        }
        p.dead_ticks += busy_ticks(task);
        if (proxy == Proxy::is_spared)
            was_spared = add_spare_proxy(p, task.slot.index()); // from here on a new task may have the slot
    }
    if (!was_spared)
        end_proxy(task);
    while (task.held.load() != 0) // nobody finds it any more
        wait_a_moment();
    exit_current();
}

} // namespace

void exit_task(Task& task, u64 status)
{
    Process& p = *task.owner;
    bool last;
    {
        LockGuard guard(p.lock);
        task.ending = true;
        last = true;
        for (Task* t = p.tasks; t != nullptr; t = t->next_task)
            last &= t->ending;
    }
    if (last)
        exit_process(task, status);
    leave_robustly(task);
    if (may_spare_proxy(task))
        leave(task, Proxy::is_spared);
    end_proxy(task);
    leave(task);
}

namespace {

// The first to end the process tells the proxy; the others just go.
[[noreturn]] void end_process(Task& task, u32 status, const OffloadCall& last_words)
{
    Process& p = *task.owner;
    u32 none = Process::no_status;
    p.end_status.compare_exchange_strong(none, status);
    if (p.dying.exchange(true))
        leave(task);
    if (p.dumps_core.load())
        end_spare_proxies(p); // a core file tells of each thread that Linux has
    if (p.host == nullptr)
        __atomic_store_n(&p.page->ended, 1, __ATOMIC_RELEASE);
    {
        LockGuard guard(p.lock);
        task.ending = true; // it does not pose: its registers go with its last words
        for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
            if (t != &task) {
                unpark(*t);
                kick(*t);
            }
        }
    }
    vanish_from_peers(p);
    task.slot.tell(last_words);
    leave(task);
}

} // namespace

void exit_process(Task& task, u64 status)
{
    end_process(task, static_cast<u32>(status & 0xff) << 8, {STILL_CALL_EXIT_GROUP, {status}});
}

void exit_process_by_signal(Task& task, u32 signo, bool core, u64 frame)
{
    arch::UserSegments s;
    arch::save_segments(s);
    if (frame != 0)
        task.owner->dumps_core.store(true);
    end_process(task, signo, {STILL_CALL_EXIT_SIGNAL, {signo, core ? 1ull : 0ull, frame, s.fs_base}});
}

void wait_stopped(Task& task)
{
    while (task.owner->stopped.load(std::memory_order_relaxed) && task.tracee == nullptr &&
           !task.owner->dying.load(std::memory_order_relaxed))
        park();
}

void leave_dying(Task& task)
{
    leave(task);
}

} // namespace still
