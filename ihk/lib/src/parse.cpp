// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/parse.hpp"

#include <stillcore/ioctl_admin.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace still::ihk {

namespace {

constexpr uint64_t mem_granule = 4ull << 20;
constexpr std::string_view cpu_hint = "a CPU list is numbers and ranges joined by commas, such as 1-7,9";
constexpr std::string_view mem_hint = "memory is SIZE@NODE joined by commas, such as 512m@0,1g@1, or all@0";

std::string_view next_item(std::string_view& rest, bool& more)
{
    const size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    rest.remove_prefix(more ? comma + 1 : rest.size());
    return item;
}

Result<uint32_t> parse_cpu(std::string_view number, std::string_view list)
{
    const auto value = parse_decimal(number);
    if (!value) {
        return fail(EINVAL, fmt::format("CPU list '{}': '{}' is not a number", list, number),
                    std::string(cpu_hint));
    }
    if (*value >= STILL_MAX_LINUX_CPUS) {
        return fail(EINVAL, fmt::format("CPU list '{}': there is no CPU {}", list, number),
                    fmt::format("CPU numbers are below {}", STILL_MAX_LINUX_CPUS));
    }
    return static_cast<uint32_t>(*value);
}

} // namespace

std::optional<uint64_t> parse_decimal(std::string_view text)
{
    if (text.empty() || text.size() > 20) {
        return std::nullopt;
    }
    uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, uint64_t{10}, &value) ||
            __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
            return std::nullopt;
        }
    }
    return value;
}

Result<std::vector<uint32_t>> parse_cpu_list(std::string_view text)
{
    std::vector<uint32_t> cpus;
    std::string_view rest = text;
    bool more = true;
    while (more) {
        const std::string_view item = next_item(rest, more);
        if (item.empty()) {
            return fail(EINVAL, fmt::format("CPU list '{}': an item is empty", text), std::string(cpu_hint));
        }
        const size_t dash = item.find('-');
        const auto first = parse_cpu(item.substr(0, dash), text);
        const auto last = dash == std::string_view::npos ? first : parse_cpu(item.substr(dash + 1), text);
        if (!first || !last) {
            return std::unexpected(first ? last.error() : first.error());
        }
        if (*last < *first) {
            return fail(EINVAL, fmt::format("CPU list '{}': the range '{}' runs backwards", text, item),
                        std::string(cpu_hint));
        }
        for (uint32_t cpu = *first; cpu <= *last; ++cpu) {
            if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) {
                return fail(EINVAL, fmt::format("CPU list '{}': CPU {} is named twice", text, cpu));
            }
            if (cpus.size() == STILL_MAX_CPUS) {
                return fail(EINVAL, fmt::format("CPU list '{}': more than {} CPUs", text, STILL_MAX_CPUS),
                            "an OS instance cannot have more");
            }
            cpus.push_back(cpu);
        }
    }
    return cpus;
}

std::string format_cpu_list(const std::vector<uint32_t>& cpus)
{
    std::string text;
    for (size_t i = 0; i < cpus.size();) {
        size_t end = i + 1;
        while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) {
            ++end;
        }
        text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
        if (end - i > 1) {
            text += fmt::format("-{}", cpus[end - 1]);
        }
        i = end;
    }
    return text;
}

Result<std::vector<IkcRoute>> parse_ikc_map(std::string_view text)
{
    constexpr const char* hint = "write it as 2-3:0+4-7:1, or 2-7:any";
    std::vector<IkcRoute> routes;
    std::string_view rest = text;
    for (bool more = true; more;) {
        const size_t plus = rest.find('+');
        const std::string_view item = rest.substr(0, plus);
        more = plus != std::string_view::npos;
        rest.remove_prefix(more ? plus + 1 : rest.size());
        const size_t colon = item.rfind(':');
        if (colon == std::string_view::npos) {
            return fail(EINVAL, fmt::format("IKC map '{}': '{}' names no CPU of Linux", text, item), hint);
        }
        const auto cpus = parse_cpu_list(item.substr(0, colon));
        if (!cpus) {
            return std::unexpected(cpus.error());
        }
        std::optional<uint32_t> server;
        if (const std::string_view word = item.substr(colon + 1); word != "any") {
            const auto number = parse_cpu(word, word);
            if (!number) {
                return std::unexpected(number.error());
            }
            server = *number;
        }
        for (const uint32_t cpu : *cpus) {
            if (std::ranges::find(routes, cpu, &IkcRoute::cpu) != routes.end()) {
                return fail(EINVAL, fmt::format("IKC map '{}': CPU {} is named twice", text, cpu));
            }
            if (routes.size() == STILL_MAX_CPUS) {
                return fail(EINVAL, fmt::format("IKC map '{}': more than {} CPUs", text, STILL_MAX_CPUS));
            }
            routes.push_back({cpu, server});
        }
    }
    return routes;
}

std::string format_ikc_map(const std::vector<IkcRoute>& routes)
{
    std::string text;
    for (size_t i = 0; i < routes.size();) {
        std::vector<uint32_t> cpus;
        const std::optional<uint32_t> server = routes[i].server;
        for (; i < routes.size() && routes[i].server == server; ++i) {
            cpus.push_back(routes[i].cpu);
        }
        text += fmt::format("{}{}:{}", text.empty() ? "" : "+", format_cpu_list(cpus),
                            server ? fmt::format("{}", *server) : "any");
    }
    return text;
}

Result<uint64_t> parse_size(std::string_view text)
{
    std::string_view digits = text;
    unsigned shift = 0;
    if (!digits.empty()) {
        switch (digits.back()) {
        case 'k':
        case 'K':
            shift = 10;
            break;
        case 'm':
        case 'M':
            shift = 20;
            break;
        case 'g':
        case 'G':
            shift = 30;
            break;
        default:
            break;
        }
    }
    if (shift != 0) {
        digits.remove_suffix(1);
    }
    const auto number = parse_decimal(digits);
    if (!number) {
        return fail(EINVAL, fmt::format("'{}' is not a size", text), "write it as 512m, 2g or 1048576k");
    }
    if (*number > (UINT64_MAX >> shift)) {
        return fail(EINVAL, fmt::format("'{}' is more than any machine has", text));
    }
    return *number << shift;
}

Result<std::vector<MemItem>> parse_mem_spec(std::string_view text, NodeRule rule)
{
    std::vector<MemItem> items;
    std::string_view rest = text;
    bool more = true;
    while (more) {
        const std::string_view piece = next_item(rest, more);
        const size_t at = piece.find('@');
        const std::string_view size = piece.substr(0, at);
        MemItem item;
        if (at != std::string_view::npos) {
            const std::string_view node = piece.substr(at + 1);
            const auto number = parse_decimal(node);
            if (!number || *number >= STILL_MAX_NODES) {
                return fail(EINVAL, fmt::format("memory '{}': '{}' is not a NUMA node", text, node),
                            std::string(mem_hint));
            }
            item.node = static_cast<uint32_t>(*number);
        } else if (rule == NodeRule::required) {
            return fail(EINVAL, fmt::format("memory '{}': '{}' names no NUMA node", text, piece),
                        std::string(mem_hint));
        }
        if (size == "all" || size == "ALL") {
            item.bytes = STILL_MEM_ALL;
        } else {
            const auto bytes = parse_size(size);
            if (!bytes) {
                return fail(EINVAL, fmt::format("memory '{}': {}", text, bytes.error().message),
                            std::string(mem_hint));
            }
            if (*bytes == 0 || *bytes % mem_granule != 0 || *bytes > STILL_MEM_ALL - mem_granule) {
                return fail(EINVAL, fmt::format("memory '{}': '{}' is not a multiple of 4m", text, size),
                            "memory is taken in pieces of 4 MiB at least");
            }
            item.bytes = *bytes;
        }
        if (std::any_of(items.begin(), items.end(), [&](const MemItem& i) { return i.node == item.node; })) {
            return fail(EINVAL, item.node
                                    ? fmt::format("memory '{}': node {} is named twice", text, *item.node)
                                    : fmt::format("memory '{}': more than one size without a node", text));
        }
        if (items.size() == STILL_MAX_NODES) {
            return fail(EINVAL, fmt::format("memory '{}': more than {} items", text, STILL_MAX_NODES));
        }
        items.push_back(item);
    }
    if (items.size() > 1 &&
        std::any_of(items.begin(), items.end(), [](const MemItem& i) { return !i.node; })) {
        return fail(EINVAL, fmt::format("memory '{}': give a node with each size, or with none", text),
                    std::string(mem_hint));
    }
    return items;
}

std::string format_size(uint64_t bytes)
{
    if (bytes == STILL_MEM_ALL) {
        return "all";
    }
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB"};
    unsigned unit = 0;
    while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{} {}", bytes, units[unit]);
}

std::string format_mem_spec(const std::vector<MemItem>& items)
{
    std::string text;
    for (const MemItem& item : items) {
        text += text.empty() ? "" : ",";
        if (item.bytes == STILL_MEM_ALL) {
            text += "all";
        } else if (item.bytes % (1ull << 30) == 0) {
            text += fmt::format("{}g", item.bytes >> 30);
        } else if (item.bytes % (1ull << 20) == 0) {
            text += fmt::format("{}m", item.bytes >> 20);
        } else {
            text += fmt::format("{}k", item.bytes >> 10);
        }
        if (item.node) {
            text += fmt::format("@{}", *item.node);
        }
    }
    return text;
}

} // namespace still::ihk
