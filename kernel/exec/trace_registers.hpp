// SPDX-License-Identifier: BSD-2-Clause
// The registers of a traced task, between it and the copy that its tracer sees.
#pragma once

#include <exec/trace.hpp>

namespace still::trace {

[[nodiscard]] u32 fpu_order();

// The current task stops, with these registers, in system call nr or in none (-1).
void show_registers(Tracee& t, Task& task, const arch::TrapFrame& frame, i32 nr);
// Likewise of another task, whose segments and FPU state are saved.
void show_saved_registers(Tracee& t, const Task& task, const arch::TrapFrame& frame, i32 nr);
// It goes on with what they are now. False: nobody has changed them.
bool take_registers(Tracee& t, Task& task, arch::TrapFrame& frame, i32& nr);

// Whether a program may have such registers: io, as Linux says it. What it may not choose is what it was.
Status change_registers(Tracee& t, const Registers& wanted);
// inval: the area can't be loaded. legacy: x87 and SSE were written, as FXSAVE lays them out.
Status change_fpu(Tracee& t, void* area, bool legacy);

// Debug register n of a stopped task. io: there is none of that number; inval: not that value.
u64 debug_register(const Task& task, u64 n);
Status set_debug_register(Task& task, u64 n, u64 value);

} // namespace still::trace
