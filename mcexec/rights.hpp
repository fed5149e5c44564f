// SPDX-License-Identifier: BSD-2-Clause
// What the calling thread may do, which is what its LWK thread may: STILL_CALL_CAPABLE, SCHED_RIGHTS and MAY_TRACE.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace still::mcexec {

[[nodiscard]] int64_t has_capability(uint64_t capability);
[[nodiscard]] int64_t scheduling_rights();
[[nodiscard]] int64_t may_trace(pid_t pid);

} // namespace still::mcexec
