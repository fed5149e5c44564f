// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N get calls: what Linux does for the LWK's threads, and for how long already.
#include "calls.hpp"

#include "common.hpp"

#include <stillcore/slot.h>

#include <fmt/format.h>

namespace still::cli {

std::string call_name(uint32_t number)
{
    switch (number) {
#define STILL_LOCAL(number, name)                                                                            \
    case number:                                                                                             \
        return #name;
#define STILL_OFFLOAD(number, name) STILL_LOCAL(number, name)
#define STILL_FORWARD(number, name) STILL_LOCAL(number, name)
#define STILL_UNSUPPORTED(number, name, reason) STILL_LOCAL(number, name)
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_OFFLOAD
#undef STILL_FORWARD
#undef STILL_UNSUPPORTED
    default:
        return number >= STILL_CALL_FIRST ? fmt::format("mcexec:{:#x}", number) : fmt::format("{}", number);
    }
}

int calls(ihk::Instance& os)
{
    const auto waiting = os.waiting_calls();
    if (!waiting) {
        return report(waiting.error());
    }
    fmt::print("{:>8} {:>8} {:>8} {}\n", "pid", "tid", "seconds", "call");
    for (const still_waiting_call& call : *waiting) {
        fmt::print("{:>8} {:>8} {:>8} {}\n", call.pid, call.tid, call.seconds, call_name(call.nr));
    }
    return exit_ok;
}

} // namespace still::cli
