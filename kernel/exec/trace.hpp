// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) among tasks of the LWK: who traces whom, and what a traced task does where it stops. Linux knows nothing
// of it. What a tracer may see or change of a stopped task is a copy, made when it stops and put back when it goes on.
//
// Only who traces and who is traced pays: a tracer is told by signals and in waits, and of the end of either by its
// on_reap.
#pragma once

#include <exec/process.hpp>

namespace still::trace {

// Linux's struct user_regs_struct.
struct Registers {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, rflags,
        rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(Registers) == 216);

constexpr u64 option_exitkill = 0x100000;
constexpr u64 known_options = option_exitkill;

// One that is traced. Under the lock of trace.cpp, but while it is stopped its tracer alone changes what can be seen.
struct Tracee {
    Task* task = nullptr;   // nullptr: it has ended
    Task* tracer = nullptr; // nullptr: it goes on untraced
    u32 tid = 0, uid = 0;
    bool is_child = false; // of the tracer's process: Linux tells of its end
    std::atomic<bool> stopped{false};
    bool untold = false; // status is for a wait(2) that has not come yet
    u32 status = 0;      // as wait4(2) tells it
    u32 signo = 0;       // to go on with
    u32 sender = 0;      // of that: the tracer's process
    u64 options = 0;
    SignalInfo info;
    Registers regs{};
    bool regs_changed = false, fpu_changed = false;
    void* fpu = nullptr; // XSAVE area
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

// perm: it is traced already, or about to end.
Status attach(Task& tracer, Task& target, bool is_child);
enum class Tie : u8 { keeps, ends };
// A stopped tracee goes on, with that signal or with 0 without one; and is one no more. srch: it was killed.
Status go_on(Tracee& t, u32 signo, Tie tie);

// A traced task has taken a signal, on its way out of system call nr (-1: of none): its tracer decides. What is left of
// it: info.signo is 0 if nothing. True: registers are others than they were, nr perhaps too.
bool stop_for_signal(Task& task, arch::TrapFrame& frame, i32& nr, SignalInfo& info);

// What a wait(2) finds.
struct Told {
    u32 tid = 0; // 0: nothing now
    u32 status = 0;
    u32 uid = 0;
    bool expected = false; // there are tracees of which something may come
};
// pid: -1: any. The news is told once, unless only_look is set.
Told look_for_news(const Task& waiter, i32 pid, bool own_only, bool only_look);

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
