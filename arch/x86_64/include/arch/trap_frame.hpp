// SPDX-License-Identifier: BSD-2-Clause
// The registers of interrupted code, as the entry code in cpu/entry.S pushes them.
#pragma once

#include <base/types.hpp>

namespace still::arch {

struct TrapFrame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 vector; // system calls: the number asked for
    u64 error;
    u64 rip, cs, rflags, rsp, ss;

    [[nodiscard]] bool from_user() const { return (cs & 3) == 3; }
};
static_assert(sizeof(TrapFrame) == 22 * 8);

constexpr u16 kernel_code = 0x10;
constexpr u16 kernel_data = 0x18;
constexpr u16 user_data = 0x2b;
constexpr u16 user_code = 0x33;
constexpr u64 flag_if = 0x200;
// What a program may set by rt_sigreturn: CF PF AF ZF SF TF DF OF NT AC ID (SDM vol. 1, 3.4.3).
constexpr u64 user_flags = 0x244dd5;

enum Vector : u32 {
    vector_debug = 1,
    vector_nmi = 2,
    vector_double_fault = 8,
    vector_page_fault = 14,
    vector_machine_check = 18,
    vector_doorbell = 0xf0, // STILL_VECTOR_DOORBELL
    vector_reschedule = 0xf1,
    vector_shootdown = 0xf2,
    vector_timer = 0xf3,
    vector_serial = 0xf4, // alone
    vector_spurious = 0xff,
};

} // namespace still::arch
