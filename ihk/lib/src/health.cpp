// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/health.hpp"

#include <fmt/format.h>

namespace still::ihk {

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

Health health_of(const InstanceStatus& answer)
{
    switch (answer.status.state) {
    case STILL_OS_PANIC:
        return Health::panic;
    case STILL_OS_HUNGUP:
        return Health::hung;
    case STILL_OS_FREEZING:
    case STILL_OS_FROZEN:
        return Health::frozen;
    case STILL_OS_RUNNING:
        break;
    default:
        return Health::inactive;
    }
    for (const still_os_cpu& cpu : answer.cpus) {
        if (cpu.condition != STILL_CONDITION_FINE && cpu.condition != STILL_CONDITION_COMPUTES) {
            return Health::suspect;
        }
    }
    return answer.status.oom_kills != 0 ? Health::out_of_memory : Health::healthy;
}

const char* health_name(Health health)
{
    static constexpr const char* names[] = {"healthy", "inactive", "frozen", "out-of-memory",
                                            "panic",   "hung",     "suspect"};
    return names[static_cast<size_t>(health)];
}

} // namespace still::ihk
