// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N get calls: what Linux does for the LWK's threads, and for how long already.
#include "calls.hpp"

#include "common.hpp"

#include <stillcore/slot.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

int calls(ihk::Instance& os, bool json)
{
    const auto waiting = os.waiting_calls();
    if (!waiting) {
        return report(waiting.error());
    }
    if (json) {
        auto list = nlohmann::json::array();
        for (const still_waiting_call& call : *waiting) {
            list.push_back({{"pid", call.pid},
                            {"tid", call.tid},
                            {"seconds", call.seconds},
                            {"call", call_name(call.nr)}});
        }
        fmt::print("{}\n", list.dump());
        return exit_ok;
    }
    fmt::print("{:>8} {:>8} {:>8} {}\n", "pid", "tid", "seconds", "call");
    for (const still_waiting_call& call : *waiting) {
        fmt::print("{:>8} {:>8} {:>8} {}\n", call.pid, call.tid, call.seconds, call_name(call.nr));
    }
    return exit_ok;
}

} // namespace still::cli
