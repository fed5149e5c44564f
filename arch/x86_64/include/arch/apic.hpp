// SPDX-License-Identifier: BSD-2-Clause
// The local APIC: sending interrupts, and the one-shot timer. Physical destinations only.
#pragma once

#include <base/types.hpp>

namespace still::arch {

void init_apic(PhysAddr registers, bool x2apic); // maps the registers; once, before init_cpu
void enable_apic();                              // on each CPU
[[nodiscard]] u32 raw_apic_id();                 // of this CPU, before enable_apic()
void end_of_interrupt();
void send_interrupt(u32 apic_id, u32 vector);
void send_nmi(u32 apic_id);
void send_init(u32 apic_id);
void send_startup(u32 apic_id, PhysAddr trampoline);
// Which vector is being served: the highest in-service bit, or 0.
[[nodiscard]] u32 vector_in_service();
// One-shot: fires vector_timer after that many TSC ticks; 0 disarms.
void arm_timer(u64 tsc_ticks);
void calibrate_timer(u64 tsc_khz); // once; takes 1 ms, or 10 where it is disturbed

} // namespace still::arch
