// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) among tasks of the LWK: who traces whom, and what a traced task does where it stops. Linux knows nothing
// of it. What a tracer may see or change of a stopped task is a copy, made when it stops and put back when it goes on.
//
// Only who traces and who is traced pays: a tracer is told by signals and in waits, and of the end of either by its
// on_reap; a task that stops at system calls has none but the last row of their table.
#pragma once

#include <exec/process.hpp>

namespace still::trace {

// Linux's struct user_regs_struct.
struct Registers {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, rflags,
        rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(Registers) == 216);

// PTRACE_EVENT_*; an option asks for the event of its bit.
enum Event : u32 {
    event_fork = 1,
    event_vfork = 2,
    event_clone = 3,
    event_exec = 4,
    event_vfork_done = 5,
    event_exit = 6,
    event_stop = 128, // of those that were seized
};
constexpr u64 option_sysgood = 1, option_exitkill = 0x100000;
constexpr u64 known_options = option_exitkill | 0xff; // that for seccomp, too, which is not there

// Stops at system calls: what PTRACE_GETEVENTMSG tells, and the signal's addition if option_sysgood is set.
constexpr u64 message_entry = 1, message_exit = 2;
constexpr u32 sysgood = 0x80;

enum class Way : u8 { on, to_calls, by_steps }; // how a tracee goes on

// One that is traced. Under the lock of trace.cpp, but while it is stopped its tracer alone changes what can be seen.
struct Tracee {
    Task* task = nullptr;   // nullptr: it has ended, or executes another program
    Task* tracer = nullptr; // nullptr: it goes on untraced
    u32 tid = 0, pid = 0, pid_namespace = 0, uid = 0;
    u32 maker = 0;          // tid of a tracee that has made it
    bool of_child = false;  // its process is a child of the tracer's
    bool owes_stop = false; // a SIGSTOP was sent to it
    bool seized = false;
    bool executes = false;   // another program, whose first task has yet to come, or to stop
    bool superseded = false; // another thread of its process has executed a program
    u64 options = 0;

    // It stops, from begin_stop() on until it is on its way again, when it alone forgets it. Its tracer lets it go by
    // taking stopped back, or lets it wait without being seen (PTRACE_LISTEN).
    bool stops = false;
    std::atomic<bool> stopped{false}, listens{false};
    std::atomic<bool> asked{false}; // to stop (PTRACE_INTERRUPT)
    bool saw_stop = false;          // that of its process, by job control
    u32 saw_continues = 0;          // how many SIGCONTs of its process it knows
    bool untold = false;            // status is for a wait(2) that has not come yet
    u32 status = 0;                 // as wait4(2) tells it
    u64 message = 0;                // PTRACE_GETEVENTMSG
    bool by_signal = false;
    bool has_info = false;
    SignalInfo info;

    Way way = Way::on;
    bool armed = false; // the trap flag is this file's, not the program's
    u32 signo = 0;      // to go on with
    u32 sender = 0;     // of that: the tracer's process
    Registers regs{};
    bool regs_changed = false, fpu_changed = false;
    // Linux tells of its end.
    [[nodiscard]] bool is_child() const { return of_child && tid == pid; }
    void* fpu = nullptr; // XSAVE area
    u32 holders = 0;     // HeldTracee
    bool unlinked = false;
    Tracee* next = nullptr;
};

// The stopped tracee of a tracer by its number; while this lives it does not end, also if it is killed.
class HeldTracee {
  public:
    HeldTracee(const Task& tracer, u32 tid);
    ~HeldTracee();
    HeldTracee(const HeldTracee&) = delete;
    HeldTracee& operator=(const HeldTracee&) = delete;
    explicit operator bool() const { return tracee_ != nullptr; }
    Tracee* operator->() const { return tracee_; }
    Tracee& operator*() const { return *tracee_; }

  private:
    Tracee* tracee_ = nullptr;
    Task* task_ = nullptr;
};

struct Attachment {
    bool of_child = false;
    bool seized = false;
    bool stops = true; // by a SIGSTOP
    u64 options = 0;
};
// perm: it is traced already, or about to end.
Status attach(Task& tracer, Task& target, const Attachment& how);
// A seized tracee stops soon, or once more. srch: it is none of this tracer's; io: it was not seized.
Status interrupt(const Task& tracer, u32 tid);
// It is killed. srch: as above.
Status kill(const Task& tracer, u32 tid);
// A stopped tracee goes on, with that signal or with 0 without one; and is one no more. srch: it was killed.
Status go_on(Tracee& t, u32 signo, Way way);
Status detach(Tracee& t, u32 signo);
// It waits for the end of its process's stop. io: it is not in one.
Status listen(Tracee& t);

// A task of that number has made the child, which is not started yet: whoever traces it may trace the child, too.
Status follow(u32 parent_tid, Task& child, const CloneRequest& request);
// A child has that number now: its maker may know it first, or the child itself.
void name_child_of(const Task& maker, u32 tid, u32 pid);
void name(Task& child);
// The first task of a process may be that of a tracee's that has executed it; it is not started yet.
void adopt(Task& first);
// A pid that executes has no process in Linux any more.
void forget_executing(u32 pid);
// The current task ends: it can't be looked at any more.
void begin_end(Task& task);

// Stops of the current task, on its way out of system call nr or of none (-1). May not return if it is not traced.
// A traced task has taken a signal: its tracer decides. What is left of it: info.signo is 0 if nothing. True: registers
// are others than they were, nr perhaps too.
bool stop_for_signal(Task& task, arch::TrapFrame& frame, i32& nr, SignalInfo& info);
// Because its tracer has asked for it, or its process was stopped or continued.
bool stop_if_told(Task& task, arch::TrapFrame& frame, i32& nr);
void disarm(Task& task, arch::TrapFrame& frame); // no trap flag of a tracer's is in the frame
// By single steps it stops before a handler's first instruction.
bool stop_in_handler(Task& task, arch::TrapFrame& frame);
void enter_call(Task& task, arch::TrapFrame& frame, i32& nr);
void leave_call(Task& task, arch::TrapFrame& frame, i32& nr);
void stop_before_end(Task& task, arch::TrapFrame& frame, u64 status);
// It has made that child; result: of its call. Does not return if it has stopped.
void stop_for_child(Task& task, arch::TrapFrame& frame, u32 event, u32 child, u64 result);
// The same on behalf of a task that waits for its child (vfork), by the child.
void stop_parent(u32 parent_tid, const Task& child, u32 event);
// The first stops of what was executed.
void stop_after_exec(Task& task, arch::TrapFrame& frame);
// A traced process is to stop by job control, unless a SIGCONT has come since there were so many.
void stop_process(Process& p, u32 signo, u32 continues);

// What a wait(2) finds.
struct Told {
    u32 tid = 0; // 0: nothing now
    u32 status = 0;
    u32 uid = 0;
    bool expected = false; // there are tracees of which something may come
    u32 executing = 0;     // pid of one that executes
};
// pid: -1: any. The news is told once, unless only_look is set.
Told look_for_news(const Task& waiter, i32 pid, bool own_only, bool only_look);

void free_debug_registers(Task& task);

// While it lives the task is unparked when there is news of its process's tracees.
class NewsListener {
  public:
    explicit NewsListener(Task& task);
    ~NewsListener();
    NewsListener(const NewsListener&) = delete;
    NewsListener& operator=(const NewsListener&) = delete;
    Task& task;
    std::atomic<bool> came{false};
    NewsListener* next = nullptr;
};

} // namespace still::trace
