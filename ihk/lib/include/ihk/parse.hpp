// SPDX-License-Identifier: BSD-2-Clause
// The notations of the command line: CPU lists (`1-7,9`) and memory (`512m@0,1g@1`, `all@0`). Pure and
// strict: no blanks, no signs, no empty items, nothing named twice.
#pragma once

#include "ihk/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace still::ihk {

// Order is kept: position is the LWK's CPU number.
[[nodiscard]] Result<std::vector<uint32_t>> parse_cpu_list(std::string_view text);
[[nodiscard]] std::string format_cpu_list(const std::vector<uint32_t>& cpus);

// `2-3:0+4-7:1`: which CPU of Linux serves which of an instance's; `any` in its place: as Linux places the interrupt.
struct IkcRoute {
    uint32_t cpu = 0;
    std::optional<uint32_t> server;

    bool operator==(const IkcRoute&) const = default;
};

[[nodiscard]] Result<std::vector<IkcRoute>> parse_ikc_map(std::string_view text);
[[nodiscard]] std::string format_ikc_map(const std::vector<IkcRoute>& routes);

struct MemItem {
    std::optional<uint32_t> node; // none: the tool chooses the nodes
    uint64_t bytes = 0;           // STILL_MEM_ALL: as much as there is

    bool operator==(const MemItem&) const = default;
};

// A size without @NODE is allowed only where the caller can choose nodes (`up`).
enum class NodeRule { required, optional };

[[nodiscard]] Result<std::vector<MemItem>> parse_mem_spec(std::string_view text, NodeRule rule);
[[nodiscard]] std::string format_mem_spec(const std::vector<MemItem>& items);

// `512m`, `1g`, `1048576`: bytes.
[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);
// 1 GiB, 896 MiB, 4 KiB: the largest unit that divides it.
[[nodiscard]] std::string format_size(uint64_t bytes);

[[nodiscard]] std::optional<uint64_t> parse_decimal(std::string_view text);

} // namespace still::ihk
