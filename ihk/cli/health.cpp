// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N get health: is all well, and if not, what it is; for scripts by the exit status, too.
#include "health.hpp"

#include "common.hpp"
#include "listing.hpp"

#include <fmt/format.h>

namespace still::cli {

const char* condition_name(uint32_t condition)
{
    static constexpr const char* names[] = {"fine", "computes", "kernel-off", "kernel-on",
                                            "idle", "awaits",   "silent"};
    return condition < std::size(names) ? names[condition] : "unknown";
}

std::string condition_text(const still_os_cpu& cpu)
{
    switch (cpu.condition) {
    case STILL_CONDITION_COMPUTES:
        return "runs a program, which leaves messages waiting";
    case STILL_CONDITION_KERNEL_OFF:
        return fmt::format("in the kernel with interrupts off, at {:#x}", cpu.condition_rip);
    case STILL_CONDITION_KERNEL_ON:
        return fmt::format("in the kernel, taking interrupts only, at {:#x}", cpu.condition_rip);
    case STILL_CONDITION_IDLE:
        return "idle with work queued";
    case STILL_CONDITION_AWAITS:
        return "waiting for another CPU to acknowledge an invalidation";
    case STILL_CONDITION_SILENT:
        return "not answering an NMI";
    default:
        return {};
    }
}

namespace {

struct Health {
    const char* word;
    int exit_status;
};

Health health_of(const ihk::InstanceStatus& answer)
{
    const still_status& s = answer.status;
    switch (s.state) {
    case STILL_OS_PANIC:
        return {"panic", 13};
    case STILL_OS_HUNGUP:
        return {"hung", 14};
    case STILL_OS_FREEZING:
    case STILL_OS_FROZEN:
        return {"frozen", 11};
    case STILL_OS_RUNNING:
        break;
    default:
        return {"inactive", 10};
    }
    for (const still_os_cpu& cpu : answer.cpus) {
        if (!condition_text(cpu).empty() && cpu.condition != STILL_CONDITION_COMPUTES) {
            return {"suspect", 15};
        }
    }
    return s.oom_kills != 0 ? Health{"out-of-memory", 12} : Health{"healthy", exit_ok};
}

} // namespace

int health(ihk::Instance& os, bool json)
{
    const auto answer = os.status();
    if (!answer) {
        return report(answer.error());
    }
    const Health health = health_of(*answer);
    print_word("health", health.word, json);
    return health.exit_status;
}

} // namespace still::cli
