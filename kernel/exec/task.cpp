// SPDX-License-Identifier: BSD-2-Clause
// Tasks: made, cloned, ended.
#include <arch/cpu.hpp>
#include <exec/process.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>

namespace still {

namespace {

ObjectCache<Task> task_cache;

void reap_task(Thread* thread)
{
    Task* task = static_cast<Task*>(thread);
    Process& p = *task->owner;
    free_thread_memory(*task);
    free_signals(p, task);
    task_cache.destroy(task);
    // Last: PROC_RELEASE frees the process once nobody is left.
    LockGuard guard(p.lock);
    --p.num_tasks;
}

void first_user_entry(void* argument)
{
    Task& task = *static_cast<Task*>(argument);
    // SAFETY: the frame lies at the top of this task's own stack, above everything in use.
    auto* frame = reinterpret_cast<arch::TrapFrame*>(task.stack_top() - sizeof(arch::TrapFrame));
    leave_if_dying(task);
    *frame = task.start;
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
        free_thread_memory(*task);
        task_cache.destroy(task);
        return nullptr;
    }
    arch::fpu_init(task->fpu);
    task->slot.bind(&p.slots[slot], p.handle, slot, tid, p.page->poll_ticks);
    return task;
}

void link_task(Process& p, Task& task)
{
    LockGuard guard(p.lock);
    task.next_task = p.tasks;
    p.tasks = &task;
    ++p.num_tasks;
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
    u64 sum = p.dead_ticks;
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        sum += busy_ticks(*t);
    return sum;
}

namespace {

bool is_ending(void* task)
{
    return static_cast<Task*>(task)->owner->dying.load(std::memory_order_relaxed);
}

// Whether the thread blocks SIGTTIN and SIGTTOU decides in Linux what a terminal lets it do in the background.
u32 tty_flags(u64 mask)
{
    return ((mask & signal_bit(sig_ttin)) != 0 ? STILL_CALL_BLOCKS_TTIN : 0) |
           ((mask & signal_bit(sig_ttou)) != 0 ? STILL_CALL_BLOCKS_TTOU : 0);
}

} // namespace

Result<i64> offload(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    const WaitConditions until{is_ending, [](void* t) { return signal_pending(*static_cast<Task*>(t)); },
                               &task};
    return task.slot.call({nr | tty_flags(task.signals.mask), {a0, a1, a2, a3, a4, a5}}, until);
}

Result<i64> offload_quickly(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
    const WaitConditions until{is_ending, [](void*) { return false; }, &task};
    for (;;) {
        const auto result =
            task.slot.call({nr | tty_flags(task.signals.mask), {a0, a1, a2, a3, 0, 0}}, until);
        // An interrupt that was meant for the call before.
        if (!result || *result != -static_cast<i64>(Errno::intr))
            return result;
    }
}

namespace {

// A slot that no task has and whose last proxy has left.
Result<u32> take_slot(Process& p)
{
    LockGuard guard(p.lock);
    for (u32 i = 1; i < p.num_slots; ++i) {
        still_slot& s = p.slots[i];
        if (__atomic_load_n(&s.tid, __ATOMIC_ACQUIRE) == 0 &&
            __atomic_load_n(&s.answer_seq, __ATOMIC_ACQUIRE) == s.seq) {
            __atomic_store_n(&s.tid, ~0u, __ATOMIC_RELEASE); // taken; the thread id follows
            return i;
        }
    }
    return fail(Errno::again);
}

void give_slot_back(Process& p, u32 slot)
{
    __atomic_store_n(&p.slots[slot].tid, 0, __ATOMIC_RELEASE);
}

} // namespace

Result<u32> clone_task(Task& parent, const CloneRequest& request)
{
    Process& p = *parent.owner;
    const u32 slot = TRY(take_slot(p));
    Cpu& c = choose_cpu(parent.affinity);
    Task* task = make_task(p, slot, ~0u, c.arch.node);
    if (task == nullptr) {
        give_slot_back(p, slot);
        return fail(Errno::nomem);
    }
    const auto tid = offload(parent, STILL_CALL_CLONE, slot);
    if (!tid || *tid <= 0) {
        task->slot.unbind();
        free_thread_memory(*task);
        task_cache.destroy(task);
        return fail(tid ? static_cast<Errno>(-*tid) : Errno::intr);
    }
    task->tid = static_cast<u32>(*tid);
    task->slot.bind(&p.slots[slot], p.handle, slot, task->tid, p.page->poll_ticks);
    __builtin_memcpy(task->affinity, parent.affinity, sizeof(task->affinity));
    task->signals.mask = parent.signals.mask;
    task->start = request.frame;
    task->start.rax = 0;
    arch::save_segments(task->segments); // the parent's, except as asked
    if (request.set_fs)
        task->segments.fs_base = request.fs_base;
    arch::fpu_save(parent.fpu);
    __builtin_memcpy(task->fpu, parent.fpu, arch::fpu_size());
    task->clear_tid = request.child_tid_clear;
    const u32 number = task->tid;
    if (request.parent_tid != 0)
        (void)copy_to_user(request.parent_tid, &number, sizeof(number));
    if (request.child_tid_set != 0)
        (void)copy_to_user(request.child_tid_set, &number, sizeof(number));
    link_task(p, *task);
    start_thread(*task, c);
    return number;
}

namespace {

[[noreturn]] void leave(Task& task)
{
    Process& p = *task.owner;
    {
        LockGuard guard(p.lock);
        for (Task** at = &p.tasks; *at != nullptr; at = &(*at)->next_task) {
            if (*at == &task) {
                *at = task.next_task;
                break;
            }
        }
        p.dead_ticks += busy_ticks(task);
    }
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
    if (!p.dying.load()) {
        task.slot.tell({STILL_CALL_THREAD_EXIT, {status}});
        task.slot.unbind();
    }
    leave(task);
}

namespace {

// The first to end the process tells the proxy; the others just go.
[[noreturn]] void end_process(Task& task, const OffloadCall& last_words)
{
    Process& p = *task.owner;
    if (p.dying.exchange(true))
        leave(task);
    {
        LockGuard guard(p.lock);
        for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
            if (t != &task) {
                unpark(*t);
                kick(*t);
            }
        }
    }
    task.slot.tell(last_words);
    leave(task);
}

} // namespace

void exit_process(Task& task, u64 status)
{
    end_process(task, {STILL_CALL_EXIT_GROUP, {status}});
}

void exit_process_by_signal(Task& task, u32 signo, bool core)
{
    end_process(task, {STILL_CALL_EXIT_SIGNAL, {signo, core ? 1ull : 0ull}});
}

void wait_while_stopped(Task& task)
{
    while (task.owner->stopped.load(std::memory_order_relaxed) &&
           !task.owner->dying.load(std::memory_order_relaxed))
        park();
}

void leave_if_dying(Task& task)
{
    if (task.owner->dying.load(std::memory_order_relaxed))
        leave(task);
}

} // namespace still
