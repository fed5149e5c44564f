// SPDX-License-Identifier: BSD-2-Clause
// A process that ends with a core file: its threads stay, as they were, until their proxies have their registers.
#pragma once

#include <exec/process.hpp>
#include <stillcore/report.h>

namespace still {

// Of a process that ends: returns when the proxy is gone, or at once if there will be no core file.
void pose_for_core(Task& task);
// The registers of a thread that poses, for STILL_REPORT_REGISTERS. srch: it has ended; again: it does not pose yet.
Status registers_of(Process& p, u32 tid, still_report_registers& r);

} // namespace still
