// SPDX-License-Identifier: BSD-2-Clause
// The system call table: an expansion of stillcore/syscalls.def. Nobody includes this but syscall/ and main.
#pragma once

#include <arch/trap_frame.hpp>
#include <exec/process.hpp>

namespace still {

// The arguments as the program passed them, where the entry saved them: what no handler looks at is not copied.
class Arguments {
  public:
    explicit Arguments(const arch::TrapFrame& frame) : frame_(frame) {}
    [[gnu::always_inline]] u64 operator[](u32 i) const
    {
        const arch::TrapFrame& f = frame_;
        return i == 0 ? f.rdi : i == 1 ? f.rsi : i == 2 ? f.rdx : i == 3 ? f.r10 : i == 4 ? f.r8 : f.r9;
    }

  private:
    const arch::TrapFrame& frame_;
};

struct Call {
    u32 nr;
    Arguments arg;
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
// The same for calls after which processes may do other things to each other.
SyscallResult offload_credentials(Task& task, const Call& call);
// prctl(STILL_PR_PEERS).
SyscallResult peers_call(Task& task, const Call& call);
// futex or semtimedop, whose fourth argument is a relative timeout of ns. Interrupted, it goes on with what is left of
// it, unless a handler ran.
SyscallResult timed_in_linux(Task& task, const Call& call, u64 ns);

} // namespace still
