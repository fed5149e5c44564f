// SPDX-License-Identifier: BSD-2-Clause
#include "commands.hpp"
#include "common.hpp"

#include <stillcore/ikc.h>

#include <fmt/format.h>

#include <cerrno>

namespace still::cli {

int inject(ihk::Instance& instance, const std::string& what)
{
    static constexpr struct {
        const char* name;
        uint32_t number;
    } faults[] = {
        {"panic", STILL_INJECT_PANIC},
        {"hang", STILL_INJECT_HANG},
        {"page-fault", STILL_INJECT_PAGE_FAULT},
        {"no-shutdown", STILL_INJECT_NO_SHUTDOWN},
        {"hang-on", STILL_INJECT_HANG_ON},
        {"hang-nmi", STILL_INJECT_HANG_NMI},
        {"idle", STILL_INJECT_IDLE},
        {"double-fault", STILL_INJECT_DOUBLE_FAULT},
        {"bad-cells", STILL_INJECT_BAD_CELLS},
        {"late-cpu", STILL_INJECT_LATE_CPU},
    };
    for (const auto& fault : faults) {
        if (what == fault.name) {
            return finish(instance.inject(fault.number));
        }
    }
    return report(
        {EINVAL, fmt::format("there is no fault '{}' to inject", what),
         "the faults are panic, page-fault, double-fault, hang, hang-on, hang-nmi, idle, bad-cells, "
         "late-cpu and no-shutdown"});
}

} // namespace still::cli
