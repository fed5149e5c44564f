// SPDX-License-Identifier: BSD-2-Clause
// Switching kernel stacks, entering user mode, and the FPU state of a thread.
#pragma once

#include <arch/trap_frame.hpp>
#include <base/types.hpp>

namespace still::arch {

// Saves the callee-saved registers on this stack, its pointer in *save, and goes on with that of next.
extern "C" void still_switch_stack(u64* save, u64 next);
// A fresh stack whose first switch calls entry(argument).
u64 make_stack(u64 top, void (*entry)(void*), void* argument);
// Leaves the kernel with these registers; the frame lies at the top of the current thread's stack.
extern "C" [[noreturn]] void still_enter_user(TrapFrame* frame);

struct UserSegments {
    u64 fs_base = 0;
    u64 gs_base = 0;
};
// Between save and load the CPU's registers belong to nobody. Call with the user's GS swapped out.
void save_segments(UserSegments& s);
void load_segments(const UserSegments& s);

// XSAVE area: standard format, for the components that Linux enabled. A CPU without XSAVE (alone): the legacy part.
[[nodiscard]] bool has_xsave();
[[nodiscard]] u64 fpu_size();
[[nodiscard]] u64 fpu_mask();
void fpu_init(void* area); // as a new program finds it
void fpu_save(void* area);
void fpu_load(const void* area);
// Only the legacy part of the area counts (x87, SSE); the other components are as a new program finds them.
void fpu_keep_legacy(void* area);
// What the x87 unit (else SSE) complains about and does not mask: bits IE DE ZE OE UE PE of the SDM.
[[nodiscard]] u32 fpu_exceptions(bool x87);
// Checks an area that came from user memory (rt_sigreturn): false if loading it would fault.
[[nodiscard]] bool fpu_valid(const void* area);

// Protection keys (SDM vol. 3, 4.6.2), if Linux uses them: for each of 16 keys two bits of the thread's PKRU register,
// which is a component of the XSAVE area: no access, no writing. The kernel's copies obey it too.
constexpr u32 num_keys = 16;
constexpr u32 default_pkru = 0x55555554; // of new programs and signal handlers, as Linux has it: key 0 only
[[nodiscard]] bool has_protection_keys();
[[nodiscard]] u32 read_pkru();
void write_pkru(u32 value);

// Breakpoints of the CPU (SDM vol. 3, 18.2), as a debugger sets them for one thread: on addresses of the program only.
struct DebugRegisters {
    u64 address[4] = {};
    u64 status = 0;  // bits of DR6 that a trap has set
    u64 control = 0; // DR7
};
constexpr u64 debug_nothing = 0xffff0ff0, debug_step = 0x4000, debug_hits = 0xf;
void load_debug(const DebugRegisters& d);
void clear_debug();
// What the last trap was for; once.
[[nodiscard]] u64 take_debug_status();
// Is there an instruction at that address at which the registers stop?
[[nodiscard]] bool stops_before(const DebugRegisters& d, u64 address);
// Whether a debugger may have them so.
[[nodiscard]] bool debug_valid(const DebugRegisters& d);

} // namespace still::arch
