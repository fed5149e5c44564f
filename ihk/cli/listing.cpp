// SPDX-License-Identifier: BSD-2-Clause
#include "listing.hpp"

#include "common.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace still::cli {

void print_word(const char* key, const char* word, bool json)
{
    fmt::print("{}\n", json ? nlohmann::json({{key, word}}).dump() : word);
}

int print_cpus(const ihk::Result<std::vector<uint32_t>>& cpus, bool json)
{
    if (!cpus) {
        return report(cpus.error());
    }
    fmt::print("{}\n", json ? nlohmann::json(*cpus).dump() : ihk::format_cpu_list(*cpus));
    return exit_ok;
}

int print_accounts(const ihk::Result<still_accounts>& accounts, bool json)
{
    if (!accounts) {
        return report(accounts.error());
    }
    const still_accounts& a = *accounts;
    if (json) {
        fmt::print("{}\n", nlohmann::json({{"pages_taken", a.pages_taken},
                                           {"pages_returned", a.pages_returned},
                                           {"pages_held", a.pages_held},
                                           {"cpus_taken", a.cpus_taken},
                                           {"cpus_returned", a.cpus_returned},
                                           {"cpus_held", a.cpus_held}})
                               .dump());
        return exit_ok;
    }
    fmt::print("pages: {} taken, {} returned, {} held\ncpus: {} taken, {} returned, {} held\n", a.pages_taken,
               a.pages_returned, a.pages_held, a.cpus_taken, a.cpus_returned, a.cpus_held);
    return exit_ok;
}

int print_memory(const ihk::Result<std::vector<ihk::MemItem>>& items, bool json)
{
    if (!items) {
        return report(items.error());
    }
    if (!json) {
        fmt::print("{}\n", ihk::format_mem_spec(*items));
        return exit_ok;
    }
    auto list = nlohmann::json::array();
    for (const ihk::MemItem& item : *items) {
        list.push_back({{"node", item.node.value_or(0)}, {"bytes", item.bytes}});
    }
    fmt::print("{}\n", list.dump());
    return exit_ok;
}

int print_ikc_map(ihk::Instance& os, bool json)
{
    std::vector<ihk::IkcRoute> now;
    const auto routes = os.ikc_map(&now);
    if (!routes) {
        return report(routes.error());
    }
    if (!json) {
        fmt::print("{}\n", ihk::format_ikc_map(*routes));
        return exit_ok;
    }
    const auto number = [](const std::optional<uint32_t>& cpu) {
        return cpu ? nlohmann::json(*cpu) : nlohmann::json(nullptr);
    };
    auto list = nlohmann::json::array();
    for (size_t i = 0; i < routes->size(); ++i) {
        list.push_back({{"linux_cpu", (*routes)[i].cpu},
                        {"server", number((*routes)[i].server)},
                        {"now", number(now[i].server)}});
    }
    fmt::print("{}\n", list.dump());
    return exit_ok;
}

} // namespace still::cli
