// SPDX-License-Identifier: BSD-2-Clause
#include "servers.hpp"

#include "ihk/device.hpp"

#include <algorithm>
#include <sched.h>

namespace still::mcexec {

void follow_ikc_map(const Options& options)
{
    auto os = ihk::Instance::open(options.os, ihk::Instance::Access::look);
    const auto routes = os ? os->ikc_map() : std::unexpected(os.error());
    if (!routes) {
        return;
    }
    cpu_set_t servers;
    CPU_ZERO(&servers);
    for (uint32_t cpu = 0; cpu < routes->size(); ++cpu) {
        if (!options.cpus.empty() && std::ranges::find(options.cpus, cpu) == options.cpus.end()) {
            continue;
        }
        const std::optional<uint32_t> server = (*routes)[cpu].server;
        if (!server || *server >= CPU_SETSIZE) {
            return;
        }
        CPU_SET(*server, &servers);
    }
    (void)sched_setaffinity(0, sizeof servers, &servers); // refused while all of them are offline
}

} // namespace still::mcexec
