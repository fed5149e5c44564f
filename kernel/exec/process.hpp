// SPDX-License-Identifier: BSD-2-Clause
// A process of the LWK and its tasks. The proxy process on Linux has the same pid, each task's proxy thread
// the same tid.
#pragma once

#include <base/wake_list.hpp>
#include <exec/signal.hpp>
#include <mm/address_space.hpp>
#include <offload/slot.hpp>
#include <sched/scheduler.hpp>
#include <stillcore/ikc.h>
#include <stillcore/process.h>

namespace still {

struct PeerExports;
struct PeerGroup;
struct Process;
struct Task;
namespace futex {
struct Waiter;
}
namespace trace {
struct Tracee;
}

// What is left of an interrupted system call with a timeout, for restart_syscall(2). again: nullptr: the call
// is made once more as it was.
struct Resume {
    Result<u64> (*again)(Task& task, const Resume& left) = nullptr;
    u64 deadline = 0; // of the clock that the call waits by
    u64 arg[6] = {};
};

// What a new task starts with, as clone(2) was asked.
struct CloneRequest {
    arch::TrapFrame frame;
    u64 fs_base = 0;
    bool set_fs = false;
    u64 parent_tid = 0; // user addresses, 0: none
    u64 child_tid_set = 0;
    u64 child_tid_clear = 0;
    u64 own = 0;                 // CLONE_* of a thread that it does not share
    bool clear_handlers = false; // of a new process: handled signals start with their default action
    u32 event = 0;               // PTRACE_EVENT_* that tells a tracer, 0: none
    bool is_sibling = false;     // its parent is its maker's
    bool is_traced = false;      // by whoever traces its maker, whether that wants to be told or not
};

// System calls have numbers below that, and none of as many.
constexpr u64 max_calls = 511;

// A thread of a process.
struct Task : Thread, Wakeable<Task> { // held also by tasks that look at it, see HeldTask
    Process* owner = nullptr;
    Task* next_task = nullptr; // in the process, under its lock
    Slot slot;
    u32 uid = 0;             // real user id, as those see it who get signals
    SignalState signals;     // under the process's lock
    u64 clear_tid = 0;       // user address, see set_tid_address(2)
    u64 robust_list = 0;     // user address
    u64 robust_told = 0;     // what Linux knows as the proxy's, see tell_robust_list()
    arch::TrapFrame start{}; // registers of its first instruction
    bool ending = false;     // exit(2) was called
    bool poses = false;      // its registers are for a core file, see exec/core_file.hpp
    i32 restart_nr = -1;     // after a handler with SA_RESTART: this system call again; -1: EINTR
    Resume resume;           // without a handler: go on with this
    u32 resumed_nr = 0;      // which call that is, where it may be several
    u64 saved_mask = 0;      // of a call with a mask of its own
    bool restore_mask = false;
    bool restart_always = false;           // whatever SA_RESTART says (ERESTARTNOINTR)
    std::atomic<bool> awaits_child{false}; // in the call that makes it
    bool unborn = false;                   // of a fork: the proxy has yet to tell its pid
    Process* keeps = nullptr;              // never in the program: its proxy waits for that guest's
    trace::Tracee* tracee = nullptr;       // somebody traces it: exec/trace.hpp, written under its lock
    std::atomic<bool> trap{false};         // its tracer may want a stop of its own: trace::stop_if_told()
    u64 num_calls = max_calls;             // 0: its calls stop for a tracer. Written by itself
    u64 child_tid_set = 0;                 // user address that the unborn writes it to, 0: none
    const CloneRequest* fork_request = nullptr; // under the process's lock, while it forks
    arch::DebugRegisters* debug = nullptr;      // trace::set_debug_register()
    u64 rseq_area = 0;                          // user address, 0: none
    MemPolicy policy;                           // set_mempolicy(2)
    u32 rseq_signature = 0;
    // PI futexes, under futex::pi_lock
    Task* pi_waits_for = nullptr;
    futex::Waiter* pi_first = nullptr; // who waits for any of the words that it owns
};

// Slots beyond the first chunk, lent by Linux when they are needed.
struct MoreSlots {
    still_slot* slots = nullptr;
    PhysAddr start;
};

struct CpuTimer { // ITIMER_VIRTUAL, ITIMER_PROF
    u64 due = 0;  // ns of the process's CPU time, 0: not armed
    u64 interval = 0;
};

struct ProcessTimers { // exec/timers.hpp
    PosixTimer* first = nullptr;
    i32 next_id = 0;
    CpuTimer virt, prof;
    Thread* thread = nullptr; // that waits for the next of them
};

// Processes that Linux let a process reach into last (syscall/process_vm.cpp).
constexpr u32 num_reached = 32;

constexpr u32 max_spares = 16;

// How a guest comes to life that runs beside its host (exec/fork.hpp).
struct GuestBirth {
    u32 slot = 0;
    u64 flags = 0;                   // of Linux's clone
    std::atomic<i64> answer{0};      // of that, once the guest's proxy has gone: its pid, or an error
    std::atomic<bool> awaited{true}; // by the thread that has asked for it
};

// A guest is a process that shares its host's memory, slots and handle (vfork), until it executes another
// program or ends; meanwhile the thread of the host that made it waits, or a thread of its own that only does that.
struct Process {
    static constexpr u32 no_status = ~0u;
    explicit Process(Process* its_host = nullptr)
        : space(its_host != nullptr ? its_host->space : own_space), host(its_host)
    {
    }
    u32 handle = 0; // the module's name for it
    u32 pid = 0;
    still_proc_page* page = nullptr; // lent
    void* served = nullptr;          // alone: what the services know of it
    still_slot* slots = nullptr;     // lent
    u32 num_slots = 0;               // in the first chunk
    MoreSlots more_slots[STILL_MAX_CHUNKS - 1] GUARDED_BY(lock);
    u32 num_more GUARDED_BY(lock) = 0;
    u32 slot_hint GUARDED_BY(lock) = 1; // where to look for a free one first
    u32 spares[max_spares] GUARDED_BY(
        lock) = {}; // slots with a proxy and without a thread: exec/spare_proxies.hpp
    u32 num_spares GUARDED_BY(lock) = 0;
    PhysAddr lent_start;
    u64 lent_bytes = 0;
    AddressSpace own_space; // unused in a guest
    AddressSpace& space;
    Process* const host;           // nullptr: it is no guest
    Process* next_guest = nullptr; // under the host's lock
    GuestBirth birth;

    SpinLock lock; // a host's comes before its guests'
    Process* guests GUARDED_BY(lock) = nullptr;
    Task* tasks GUARDED_BY(lock) = nullptr;
    u32 num_tasks GUARDED_BY(lock) = 0;
    SignalActions actions GUARDED_BY(lock);
    SignalQueue pending GUARDED_BY(lock);       // of the process as a whole
    u64 announced_signals GUARDED_BY(lock) = 0; // a signalfd waits for them in Linux
    u64 queued_signals GUARDED_BY(lock) = 0;    // with memory of their own, see RLIMIT_SIGPENDING
    ProcessTimers timers GUARDED_BY(lock);
    u64 dead_ticks GUARDED_BY(lock) = 0; // CPU time of tasks that have ended
    std::atomic<u64> page_faults{0};
    u64 cpu_base_ns = 0; // CPU time before the execve that made this process
    bool started = false;

    std::atomic<u32> membarrier{0};             // what it is registered for (membarrier(2))
    std::atomic<u64> reaches[num_reached] = {}; // handle and epoch, 0: none
    std::atomic<u32> holders{0};                // service threads that work on it
    std::atomic<bool> dying{false};             // tasks leave at the next opportunity
    std::atomic<bool> dumps_core{false};        // but only when the proxy has their registers, and is gone
    std::atomic<bool> stopped{false};           // by job control: tasks wait on their way back to the program
    std::atomic<u32> stop_signo{0};         // which Linux does not know of, as it is traced; 0: Linux's stop
    std::atomic<u32> continues{0};          // SIGCONTs that came
    u32 parent_tid = 0;                     // of the task that forked it; 0: it has executed since
    std::atomic<bool> executes{false};      // a task is in execve(2): what kills the process is its success
    std::atomic<u32> end_status{no_status}; // as wait4(2) tells it, once it ends by itself
    u32 birth_event = 0; // PTRACE_EVENT_VFORK: the task that forked it waits, and its tracer may want to know
    std::atomic<bool> killed{false}; // and don't talk to the proxy, which is gone

    still_limit limit_stack{};
    still_limit limit_memlock{};
    still_limit limit_sigpending{};
    still_limit limit_cpu{~0ull, ~0ull}; // seconds

    PeerGroup* peers = nullptr; // exec/peers.hpp
    u32 peer_rank = 0;
    u64 peer_post = 0; // what it has for its peers to find
    PeerExports* peer_exports = nullptr;
};

// A process of the LWK by its number, in the asker's PID namespace; it stays while this lives.
class HeldProcess {
  public:
    HeldProcess(u32 pid, const Process& asker);
    ~HeldProcess();
    HeldProcess(const HeldProcess&) = delete;
    HeldProcess& operator=(const HeldProcess&) = delete;
    explicit operator bool() const { return process_ != nullptr; }
    Process* operator->() const { return process_; }
    Process& operator*() const { return *process_; }

  private:
    Process* process_ = nullptr;
};

// A task of any process of the LWK by its number, in the asker's PID namespace; it stays while this lives.
class HeldThread {
  public:
    HeldThread(u32 tid, const Process& asker);
    ~HeldThread();
    HeldThread(const HeldThread&) = delete;
    HeldThread& operator=(const HeldThread&) = delete;
    explicit operator bool() const { return task_ != nullptr; }
    Task* operator->() const { return task_; }
    Task& operator*() const { return *task_; }

  private:
    Task* task_ = nullptr;
};

// The task of the asker's process with that thread id, 0: the asker; it stays while this lives.
class HeldTask {
  public:
    HeldTask(Task& asker, u64 tid);
    ~HeldTask();
    HeldTask(const HeldTask&) = delete;
    HeldTask& operator=(const HeldTask&) = delete;
    explicit operator bool() const { return task_ != nullptr; }
    Task* operator->() const { return task_; }
    Task& operator*() const { return *task_; }

  private:
    Task* task_ = nullptr;
};

[[nodiscard]] inline Task& current_task()
{
    return static_cast<Task&>(current_thread());
}

// Messages that concern processes. See stillcore/ikc.h.
bool handle_immediate(const still_msg& m);
void handle_deferred(const still_msg& m);

// A task on that slot, not yet running and not yet in the process's list; nullptr: no memory.
Task* make_task(Process& p, u32 slot, u32 tid, NodeId node);
// Policy and priority of a new task, of the same process or another.
void inherit_scheduling(Thread& child, const Thread& parent);
[[nodiscard]] still_slot& slot_at(Process& p, u32 index) EXCLUDES(p.lock);
// From here on others find it, and wake it: it is in the process's list and in a run queue at the same moment.
void start_task(Process& p, Task& task, Cpu& c) EXCLUDES(p.lock);
void free_task(Task* task); // one that never ran
// Registers, mask and affinity for a task that is made by another, whose segments and FPU state are saved.
void inherit(Task& child, const Task& parent, const CloneRequest& request);
// A slot that no task has and whose last proxy has left.
Result<u32> take_slot(Process& p) EXCLUDES(p.lock);
void give_slot_back(Process& p, u32 slot);
[[nodiscard]] Process* make_process(Process* host); // nullptr: no memory
void free_process(Process* p);
Result<Process*> admit_process(const still_msg& m); // as exec/process.cpp says
void dismiss_process(Process* p);                   // one that is in no table

// A new task of the process with these registers, on a free slot. The proxy makes its thread first.
// Returns the thread id.
Result<u32> clone_task(Task& parent, const CloneRequest& request);

// Where a task's way into the kernel left the program's registers.
[[nodiscard]] const arch::TrapFrame& user_frame(const Task& task);

// A task with a proxy thread for a guest of the parent's process to come. It is not started yet.
Result<Task*> make_keeper(Task& parent);

// The end of the current task, or of its process; status as the proxy shall exit.
[[noreturn]] void exit_task(Task& task, u64 status);
[[noreturn]] void exit_process(Task& task, u64 status);
[[noreturn]] void exit_process_by_signal(Task& task, u32 signo, bool core, u64 frame = 0);
// What a thread that ends owes others: its robust futexes and its clear_child_tid (exec/futex.cpp).
void leave_robustly(Task& task);
// Where memory is shared, Linux looks through the proxy's robust list when that dies, for whatever reason: it has the
// thread's.
void tell_robust_list(Task& task);
// Whether the current task's calls go to Linux without a look at it: after each change of what they depend on, which is
// its signal mask and its robust list.
void choose_offload_way(Task& task);
// The process begins to share memory with others: its tasks have to tell their robust lists first.
void begin_to_share(Process& p);
// At each way back to user mode: ends the task if its process is dying.
[[noreturn]] void leave_dying(Task& task);
inline void leave_if_dying(Task& task)
{
    if (task.owner->dying.load(std::memory_order_relaxed)) [[unlikely]]
        leave_dying(task);
}

// Likewise: waits while its process is stopped, if nobody traces it.
void wait_stopped(Task& task);
inline void wait_while_stopped(Task& task)
{
    if (task.owner->stopped.load(std::memory_order_relaxed)) [[unlikely]]
        wait_stopped(task);
}

// How long to poll for an answer of the module's: as mcexec was told, else not at all.
[[nodiscard]] inline u64 patience_of(const Process& p)
{
    return p.page != nullptr ? p.page->poll_ticks : 0;
}

// Sends a call to the task's proxy. intr: the process is ending.
Result<i64> offload(Task& task, u32 nr, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0,
                    u64 a5 = 0);
// For a call that does not wait: no signal interrupts it.
Result<i64> offload_quickly(Task& task, u32 nr, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0,
                            u64 a5 = 0);

[[nodiscard]] Task* find_task(Process& p, u32 tid) REQUIRES(p.lock);
[[nodiscard]] u64 process_busy_ticks(Process& p);
[[nodiscard]] u64 process_busy_ticks_locked(Process& p) REQUIRES(p.lock);
// With what it had used before an execve.
[[nodiscard]] u64 process_cpu_ns(Process& p);
[[nodiscard]] u32 num_processes();
void kill_all_processes();

} // namespace still
