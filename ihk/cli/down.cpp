// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl down: what an instance has goes back to Linux, whoever still has it open.
#include "commands.hpp"
#include "common.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <unistd.h>

namespace still::cli {

using ihk::Device;
using ihk::Instance;
using ihk::MemItem;
using ihk::Result;

namespace {

// The proxies of what ran there are dying: that takes them a moment.
Result<> destroy(Device& device, uint32_t index)
{
    constexpr int tries = 100;
    constexpr useconds_t pause = 100'000;
    for (int left = tries;; --left) {
        auto done = device.destroy_instance(index);
        if (done || done.error().number != EBUSY || left == 0) {
            return done;
        }
        usleep(pause);
    }
}

} // namespace

int down(std::optional<uint32_t> given)
{
    auto device = Device::open();
    if (!device) {
        return report(device.error());
    }
    const auto index = choose_instance(*device, given);
    if (!index) {
        return report(index.error());
    }
    std::vector<uint32_t> cpus;
    std::vector<MemItem> mem;
    {
        auto os = Instance::open(*index);
        if (!os) {
            return report(os.error());
        }
        const auto state = os->status();
        if (!state) {
            return report(state.error());
        }
        if (state->status.state != STILL_OS_INACTIVE) {
            const auto orderly = os->shutdown();
            if (!orderly) {
                return report(in_step("shutdown", orderly.error()));
            }
            progress(*orderly ? "shutdown: the LWK stopped"
                              : "shutdown: no answer from the LWK, CPUs stopped by INIT");
        }
        const auto had_cpus = os->query_cpus();
        const auto had_mem = os->query_memory();
        if (!had_cpus || !had_mem) {
            return report(had_cpus ? had_mem.error() : had_cpus.error());
        }
        cpus = *had_cpus;
        mem = *had_mem;
        if (!cpus.empty()) {
            if (const auto done = os->release_cpus(cpus); !done) {
                return report(in_step("release cpu", done.error()));
            }
        }
        if (!mem.empty()) {
            if (const auto done = os->release_memory(mem); !done) {
                return report(in_step("release mem", done.error()));
            }
        }
    }
    // Whoever still has the instance open keeps neither memory nor CPUs from Linux.
    if (!mem.empty()) {
        if (const auto done = device->release_memory(mem); !done) {
            return report(in_step("release mem", done.error()));
        }
        progress(fmt::format("memory {} is Linux's again", ihk::format_mem_spec(mem)));
    }
    if (!cpus.empty()) {
        if (const auto done = device->release_cpus(cpus); !done) {
            return report(in_step("release cpu", done.error()));
        }
        progress(fmt::format("CPUs {} are Linux's again", ihk::format_cpu_list(cpus)));
    }
    if (const auto done = destroy(*device, *index); !done) {
        return report(in_step("destroy", done.error()));
    }
    progress(fmt::format("destroy: OS instance {} is gone", *index));
    return exit_ok;
}

} // namespace still::cli
