// SPDX-License-Identifier: BSD-2-Clause
// What trace.cpp and trace_stop.cpp share.
#pragma once

#include <exec/trace.hpp>

namespace still::trace {

extern SpinLock lock; // before a process's

extern Tracee* tracees GUARDED_BY(lock);

constexpr i32 cld_exited = 1, cld_killed = 2, cld_trapped = 4, cld_stopped = 5;
constexpr u64 nr_exit = 60, nr_exit_group = 231, nr_execve = 59, nr_execveat = 322;

// SIGCHLD for the tracer's process, and whoever waits there looks anew.
void tell(const Tracee& t, i32 code, u32 what) REQUIRES(lock);
// Its task, if there is one, is traced no more.
void unlink(Tracee& t) REQUIRES(lock);

// Its memory.
void destroy(Tracee& t);
// It is not stopped any more, and its tracer is not its tracer.
void release(Tracee& t) REQUIRES(lock);
// The tracee of that number which has a task and a tracer; nullptr: there is none.
[[nodiscard]] Tracee* find(u32 tid, u32 pid_namespace) REQUIRES(lock);
void ask_to_look(Task& task); // its trap is looked at by attend()
void kill_owner(Task& task);

[[nodiscard]] inline bool wants(const Tracee& t, u32 event)
{
    return event != 0 && t.tracer != nullptr && (t.options >> event & 1) != 0;
}

} // namespace still::trace
