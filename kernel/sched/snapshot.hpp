// SPDX-License-Identifier: BSD-2-Clause
// What a CPU does, written down for Linux: by its NMI handler and at a panic. NMIs also hold a CPU where it is.
#pragma once

#include <arch/trap_frame.hpp>
#include <stillcore/shared.h>

namespace still {

// shared: nullptr when alone; then nothing is written.
void init_snapshots(still_shared* shared);
void take_snapshot(const arch::TrapFrame& frame);
// From the NMI handler: takes a snapshot, and stays while Linux says so.
void answer_nmi(const arch::TrapFrame& frame);

} // namespace still
