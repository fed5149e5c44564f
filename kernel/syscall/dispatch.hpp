// SPDX-License-Identifier: BSD-2-Clause
// The system call table: an expansion of stillcore/syscalls.def. Nobody includes this but syscall/ and main.
#pragma once

#include <arch/trap_frame.hpp>
#include <exec/process.hpp>

namespace still {

// Arguments as the program passed them.
struct Call {
    u32 nr;
    u64 arg[6];
    arch::TrapFrame& frame;
};

using SyscallResult = Result<u64>;

#define STILL_LOCAL(nr, name) SyscallResult sys_##name(Task& task, const Call& call);
#define STILL_FORWARD(nr, name) SyscallResult sys_##name(Task& task, const Call& call);
#define STILL_OFFLOAD(nr, name)
#define STILL_UNSUPPORTED(nr, name, reason)
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_FORWARD
#undef STILL_OFFLOAD
#undef STILL_UNSUPPORTED

// What processes may do to each other may be another thing now.
void credentials_change();

// Sends the call to Linux unchanged; a call that a signal cut short comes back as Errno::restart.
SyscallResult offload_unchanged(Task& task, const Call& call);
// futex or semtimedop, whose fourth argument is a relative timeout of ns. Interrupted, it goes on with what is left of
// it, unless a handler ran.
SyscallResult timed_in_linux(Task& task, const Call& call, u64 ns);

} // namespace still
