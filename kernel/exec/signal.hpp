// SPDX-License-Identifier: BSD-2-Clause
// Signals: dispositions, masks, what is pending, and delivery to user mode (signal(7)).
#pragma once

#include <arch/trap_frame.hpp>
#include <base/result.hpp>
#include <exec/signal_queue.hpp>
#include <stillcore/ikc.h>

namespace still {

struct Process;
struct Task;

enum Signal : u32 {
    sig_quit = 3,
    sig_ill = 4,
    sig_trap = 5,
    sig_abrt = 6,
    sig_bus = 7,
    sig_fpe = 8,
    sig_kill = 9,
    sig_segv = 11,
    sig_pipe = 13,
    sig_chld = 17,
    sig_cont = 18,
    sig_stop = 19,
    sig_tstp = 20,
    sig_ttin = 21,
    sig_ttou = 22,
    sig_urg = 23,
    sig_xcpu = 24,
    sig_xfsz = 25,
    sig_vtalrm = 26,
    sig_prof = 27,
    sig_winch = 28,
    sig_sys = 31,
};
constexpr u64 unblockable = signal_bit(sig_kill) | signal_bit(sig_stop);
constexpr u64 stop_signals =
    signal_bit(sig_stop) | signal_bit(sig_tstp) | signal_bit(sig_ttin) | signal_bit(sig_ttou);

// si_code values that the LWK makes itself.
constexpr i32 si_user = 0, si_kernel = 0x80, si_queue = -1, si_timer = -2, si_tkill = -6;
constexpr i32 segv_maperr = 1, segv_accerr = 2, segv_pkuerr = 4, bus_adraln = 1, bus_adrerr = 2,
              fpe_intdiv = 1, fpe_fltdiv = 3, fpe_fltovf = 4, fpe_fltund = 5, fpe_fltres = 6, fpe_fltinv = 7,
              ill_illopn = 2, trap_brkpt = 1, trap_trace = 2, trap_hwbkpt = 4;

constexpr u64 sa_nocldstop = 1, sa_nocldwait = 2, sa_siginfo = 4, sa_onstack = 0x08000000,
              sa_restart = 0x10000000, sa_nodefer = 0x40000000, sa_resethand = 0x80000000,
              sa_restorer = 0x04000000, sa_expose_tagbits = 0x800;
constexpr u64 known_sa_flags = sa_nocldstop | sa_nocldwait | sa_siginfo | sa_onstack | sa_restart |
                               sa_nodefer | sa_resethand | sa_restorer | sa_expose_tagbits;

constexpr u64 handler_default = 0, handler_ignore = 1;

// As the kernel ABI of rt_sigaction has it.
struct SignalAction {
    u64 handler = handler_default;
    u64 flags = 0;
    u64 restorer = 0;
    u64 mask = 0;
};

struct SignalActions {
    SignalAction of[num_signals];
};

constexpr u64 min_alt_stack = 2048;
constexpr u32 ss_onstack = 1, ss_disable = 2, ss_autodisarm = 1u << 31;

struct AltStack {
    u64 sp = 0;
    u32 flags = ss_disable; // as sigaltstack(2) got them
    u64 size = 0;

    [[nodiscard]] bool holds(u64 at) const { return at > sp && at - sp <= size; }
    // Does code that runs at this stack pointer run on it? An auto-disarmed one is always free.
    [[nodiscard]] bool in_use(u64 at) const { return (flags & ss_autodisarm) == 0 && holds(at); }
    // What sigaltstack(2) tells.
    [[nodiscard]] u32 mode(u64 at) const { return size == 0 ? ss_disable : in_use(at) ? ss_onstack : 0; }
};

struct SignalState {
    u64 mask = 0;
    SignalQueue pending;
    AltStack alt;
    // Of the last fault, for every later frame as on Linux.
    u64 trap_number = 0, trap_error = 0, trap_address = 0;
};

// Makes it pending for the thread with that id (srch: there is none), or with 0 for the process, and wakes who
// can take it. Needs memory for real-time signals: again if there is none, or RLIMIT_SIGPENDING is reached. Not
// for interrupt context.
Status send_signal(Process& p, u32 tid, const SignalInfo& info);
// For signals of the LWK's own making, to the process or, with task, to that task; they merge. Any context.
void post_signal(Process& p, Task* task, const SignalInfo& info);
// A fault of the task's own: can't be blocked or ignored. true: it will end the process.
bool force_signal(Task& task, const SignalInfo& info);
// Is there a signal that would be delivered now, or end the process? Without locks: a hint.
[[nodiscard]] bool signal_pending(Task& task);
// Takes the oldest pending signal of the set, of the task or its process, also an ignored one.
bool accept_signal(Task& task, u64 set, SignalInfo& info);
// The same under the process's lock.
bool accept_locked(Task& task, u64 set, SignalInfo& info);
// For a signalfd: a signal of the set that pends for the thread with that id, or for its process, is taken, or only
// looked for. From now on its numbers are announced when they come.
struct TakenSignal {
    bool task = false; // there is such a thread
    u32 signo = 0;     // 0: none pends
    SignalInfo info;
};
TakenSignal take_signal(Process& p, u32 tid, u64 set, bool only_look);
// A signalfd of Linux's asks (STILL_MSG_SIGNAL_TAKE).
void serve_signalfd(Process& p, const still_msg& m);
// Forgets pending signals of the process and its tasks.
void discard_signals(Process& p, u64 set);
// The current task's mask. What others can take now, they are told of.
void set_signal_mask(Task& task, u64 mask);
// For the time of one system call: the mask comes back at its end, after a handler's return if one ran.
void set_temporary_mask(Task& task, u64 mask);
void restore_mask_now(Task& task);
// At the way back to user mode: handlers get their frames, default actions happen. May not return.
// nr: the system call that is being left, or -1.
void deliver_signals(Task& task, arch::TrapFrame& frame, i32 nr);
// What is pending for a task that goes away, or with nullptr for its process.
void free_signals(Process& p, Task* task);

[[nodiscard]] bool is_ignored_by_default(u32 signo);
// Is it dropped if it comes? Under the process's lock.
[[nodiscard]] bool is_ignored(Process& p, u32 signo);

} // namespace still
