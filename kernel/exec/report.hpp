// SPDX-License-Identifier: BSD-2-Clause
// Facts of a process for Linux (stillcore/report.h).
#pragma once

#include <exec/process.hpp>
#include <stillcore/report.h>

namespace still {

// Once at boot: where answers are written, STILL_REPORT_BYTES.
void init_report(void* area);
// Number of records written; next: the cursor for the rest, 0 if that was all. May wait.
Result<u64> report(Process& p, u64 kind, u64 cursor, u64& next);

} // namespace still
