// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N get calls: what Linux does for the LWK's threads, and for how long already.
#include "calls.hpp"

#include "common.hpp"

#include "ihk/call_name.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace still::cli {

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
                            {"call", ihk::call_name(call.nr)}});
        }
        fmt::print("{}\n", list.dump());
        return exit_ok;
    }
    fmt::print("{:>8} {:>8} {:>8} {}\n", "pid", "tid", "seconds", "call");
    for (const still_waiting_call& call : *waiting) {
        fmt::print("{:>8} {:>8} {:>8} {}\n", call.pid, call.tid, call.seconds, ihk::call_name(call.nr));
    }
    return exit_ok;
}

} // namespace still::cli
