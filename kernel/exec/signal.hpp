// SPDX-License-Identifier: BSD-2-Clause
// Signals: dispositions, masks, what is pending, and delivery to user mode (signal(7)).
#pragma once

#include <arch/trap_frame.hpp>
#include <base/types.hpp>

namespace still {

struct Process;
struct Task;

constexpr u32 num_signals = 64;
constexpr u64 signal_bit(u32 signo)
{
    return 1ull << (signo - 1);
}

enum Signal : u32 {
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
    sig_urg = 23,
    sig_winch = 28,
    sig_sys = 31,
};

// si_code values that the LWK makes itself.
constexpr i32 si_user = 0, si_kernel = 0x80, si_tkill = -6;
constexpr i32 segv_maperr = 1, segv_accerr = 2, bus_adrerr = 2, fpe_intdiv = 1, fpe_fltdiv = 3,
              ill_illopn = 2, trap_brkpt = 1, trap_trace = 2;

struct SignalInfo {
    u32 signo = 0;
    i32 code = 0;
    u32 pid = 0;
    u32 uid = 0;
    u64 value = 0; // si_value, or si_addr of a fault
};

// One instance of each signal is kept; more of the same signal are merged into it.
struct SignalQueue {
    u64 set = 0;
    SignalInfo info[num_signals];
};

constexpr u64 sa_siginfo = 4, sa_onstack = 0x08000000, sa_restart = 0x10000000, sa_nodefer = 0x40000000,
              sa_resethand = 0x80000000, sa_restorer = 0x04000000;

// As the kernel ABI of rt_sigaction has it.
struct SignalAction {
    u64 handler = 0; // 0 default, 1 ignore
    u64 flags = 0;
    u64 restorer = 0;
    u64 mask = 0;
};

struct SignalActions {
    SignalAction of[num_signals];
};

struct AltStack {
    u64 sp = 0;
    u32 flags = 2; // SS_DISABLE
    u64 size = 0;
};

struct SignalState {
    u64 mask = 0;
    SignalQueue pending;
    AltStack alt;
};

// Makes it pending for the process or, with task, for that task, and wakes who can take it. Interrupt context.
void post_signal(Process& p, Task* task, const SignalInfo& info);
// A fault of the task's own: can't be blocked or ignored. true: it will end the process.
bool force_signal(Task& task, const SignalInfo& info);
// Is there a signal that would be delivered now, or end the process? Without locks: a hint.
[[nodiscard]] bool signal_pending(Task& task);
// At the way back to user mode: handlers get their frames, default actions happen. May not return.
// nr: the system call that is being left, or -1.
void deliver_signals(Task& task, arch::TrapFrame& frame, i32 nr);
// rt_sigreturn: registers from the frame on the user's stack. Ends the task by SIGSEGV if it is bad.
void return_from_handler(Task& task, arch::TrapFrame& frame);

} // namespace still
