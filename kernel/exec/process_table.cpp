// SPDX-License-Identifier: BSD-2-Clause
#include <exec/process_table.hpp>
#include <exec/timers.hpp>

namespace still {

namespace {

constexpr u32 max_processes = 1024;
Process* table[max_processes] GUARDED_BY(process_table_lock);
u32 table_end GUARDED_BY(process_table_lock) =
    0; // places behind it were never taken; the lowest are taken first
std::atomic<u32> process_count{0};

Process*& place_of(u32 handle) REQUIRES(process_table_lock)
{
    return table[(handle & 0xffff) % max_processes];
}

} // namespace

SpinLock process_table_lock;

Process* lookup_process(u32 handle)
{
    Process* p = place_of(handle);
    return p != nullptr && p->handle == handle ? p : nullptr;
}

Process* hold_process(u32 handle)
{
    LockGuard guard(process_table_lock);
    Process* p = lookup_process(handle);
    if (p != nullptr)
        p->holders.fetch_add(1);
    return p;
}

HeldProcess::HeldProcess(u32 pid, const Process& asker)
{
    const u32 space = asker.page->pid_namespace;
    if (pid == 0) // that of a child whose proxy is yet to be forked
        return;
    LockGuard guard(process_table_lock);
    for (u32 i = 0; i < table_end && process_ == nullptr; ++i) {
        Process* p = table[i];
        if (p != nullptr && p->pid == pid && p->page->pid_namespace == space)
            process_ = p;
    }
    if (process_ != nullptr)
        process_->holders.fetch_add(1);
}

HeldProcess::~HeldProcess()
{
    if (process_ != nullptr)
        let_process_go(*process_);
}

HeldTask::HeldTask(Task& asker, u64 tid)
{
    LockGuard guard(asker.owner->lock);
    task_ = tid == 0 || tid == asker.tid ? &asker : find_task(*asker.owner, static_cast<u32>(tid));
    if (task_ != nullptr)
        task_->held.fetch_add(1);
}

HeldTask::~HeldTask()
{
    if (task_ != nullptr)
        task_->held.fetch_sub(1);
}

namespace {

Task* hold_task(Process& p, u32 tid)
{
    LockGuard guard(p.lock);
    Task* task = find_task(p, tid);
    if (task != nullptr)
        task->held.fetch_add(1);
    for (Process* g = p.guests; g != nullptr && task == nullptr; g = g->next_guest)
        task = hold_task(*g, tid);
    return task;
}

} // namespace

HeldThread::HeldThread(u32 tid, const Process& asker)
{
    const u32 space = asker.page->pid_namespace;
    LockGuard guard(process_table_lock);
    for (u32 i = 0; i < table_end && task_ == nullptr; ++i)
        if (Process* p = table[i]; p != nullptr && p->page->pid_namespace == space)
            task_ = hold_task(*p, tid);
}

HeldThread::~HeldThread()
{
    if (task_ != nullptr)
        task_->held.fetch_sub(1);
}

void let_process_go(Process& p)
{
    p.holders.fetch_sub(1);
}

bool is_known_process(u32 handle)
{
    LockGuard guard(process_table_lock);
    return lookup_process(handle) != nullptr;
}

Status enter_process(Process& p)
{
    LockGuard guard(process_table_lock);
    Process*& place = place_of(p.handle);
    if (place != nullptr)
        return fail(Errno::again);
    place = &p;
    table_end = max(table_end, static_cast<u32>(&place - table) + 1);
    process_count.fetch_add(1);
    return {};
}

namespace {

bool is_in_use(Process& p)
{
    LockGuard guard(p.lock);
    bool used = p.num_tasks != 0 || p.holders.load() != 0;
    for (Process* g = p.guests; g != nullptr && !used; g = g->next_guest)
        used = is_in_use(*g);
    return used;
}

} // namespace

Result<Process*> remove_process(u32 handle)
{
    LockGuard guard(process_table_lock);
    Process* p = lookup_process(handle);
    if (p == nullptr)
        return fail(Errno::srch);
    if (is_in_use(*p)) // nobody can come to hold it while the table is locked
        return fail(Errno::again);
    place_of(handle) = nullptr;
    process_count.fetch_sub(1);
    return p;
}

void kill_process(Process& p)
{
    p.killed.store(true);
    p.dying.store(true);
    LockGuard guard(p.lock);
    stop_timers(p);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
        unpark(*t);
        kick(*t);
    }
    for (Process* g = p.guests; g != nullptr; g = g->next_guest)
        kill_process(*g);
}

u32 count_tasks(Process& p)
{
    LockGuard guard(p.lock);
    u32 count = p.num_tasks;
    for (Process* g = p.guests; g != nullptr; g = g->next_guest)
        count += count_tasks(*g);
    return count;
}

namespace {

bool has_task_on(Process& p, u64 slot)
{
    LockGuard guard(p.lock);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        if (t->slot.index() == slot)
            return true;
    return false;
}

} // namespace

Process* hold_guest(Process& p, u64 slot)
{
    LockGuard guard(p.lock);
    for (Process* g = p.guests; g != nullptr; g = g->next_guest) {
        if (has_task_on(*g, slot)) {
            g->holders.fetch_add(1);
            return g;
        }
    }
    return nullptr;
}

u32 num_processes()
{
    return process_count.load();
}

void kill_all_processes()
{
    LockGuard guard(process_table_lock);
    for (Process* p : table)
        if (p != nullptr)
            kill_process(*p);
}

} // namespace still
