// SPDX-License-Identifier: BSD-2-Clause
// Which CPU of Linux serves which CPU of an instance.
#include "ihk/device.hpp"

#include "calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace still::ihk {

Result<std::vector<IkcRoute>> Instance::ikc_map(std::vector<IkcRoute>* now)
{
    const auto map = std::make_unique<still_ikc_map>();
    if (const auto done = call(file_.get(), STILL_IOC_IKC_MAP_GET, *map, "read the IKC map"); !done) {
        return std::unexpected(done.error());
    }
    const auto optional = [](uint32_t cpu) {
        return cpu == STILL_NO_CPU ? std::nullopt : std::optional<uint32_t>(cpu);
    };
    std::vector<IkcRoute> routes;
    for (uint32_t i = 0; i < std::min<uint32_t>(map->count, STILL_MAX_CPUS); ++i) {
        routes.push_back({map->cpu[i], optional(map->server[i])});
        if (now != nullptr) {
            now->push_back({map->cpu[i], optional(map->now[i])});
        }
    }
    return routes;
}

Result<> Instance::set_ikc_map(const std::vector<IkcRoute>& routes)
{
    const auto map = std::make_unique<still_ikc_map>();
    for (const IkcRoute& route : routes) {
        if (map->count == STILL_MAX_CPUS) {
            return fail(EINVAL, fmt::format("IKC map: more than {} CPUs", STILL_MAX_CPUS));
        }
        map->cpu[map->count] = route.cpu;
        map->server[map->count++] = route.server.value_or(STILL_NO_CPU);
    }
    return call(file_.get(), STILL_IOC_IKC_MAP_SET, *map,
                fmt::format("set IKC map {}", format_ikc_map(routes)));
}

} // namespace still::ihk
