// SPDX-License-Identifier: BSD-2-Clause
// New processes: fork, by the module's message while the parent's task waits for its proxy; and vfork, whose
// child is a guest of its parent.
#pragma once

#include <exec/process.hpp>
#include <stillcore/ikc.h>

namespace still {

// STILL_MSG_PROC_FORK: a copy of the process with the one task that asked for it. In a service thread.
Status fork_process(const still_msg& m, u64& root);
// The end of a process is the end of its guests; their tasks have gone.
void forget_guests(Process& p);

// fork(2) of the current task, as clone(2)'s flags say; wait: until the child has executed or ended. Its pid.
Result<u32> fork_task(Task& task, const CloneRequest& request, u64 flags);
// Likewise, but the child shares all memory, and the current task waits until it executes or ends.
Result<u32> vfork_task(Task& task, const CloneRequest& request, u64 flags);
// Likewise, but both run. Linux's vfork makes its proxy, in a thread of the host's that is there to wait: so the child
// has its own thread-local variables there, and the host's keeper sees its end, whatever that is.
Result<u32> clone_beside(Task& task, const CloneRequest& request, u64 flags);
// What a keeper does instead of running the program.
[[noreturn]] void keep_guest(Task& keeper);

} // namespace still
