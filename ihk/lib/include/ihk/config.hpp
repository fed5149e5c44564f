// SPDX-License-Identifier: BSD-2-Clause
// The configuration file of `ihkosctl up` and of ihkmond: lines `key = value`, comments with #; see stillcore.conf(5).
#pragma once

#include "ihk/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace still::ihk {

struct Config {
    std::optional<std::string> cpus;
    std::optional<std::string> mem;
    std::optional<std::string> image;
    std::optional<std::string> kargs;
    std::optional<std::string> ikc_map;
    std::optional<std::string> on_panic;
    std::optional<std::string> on_hang;
    std::optional<std::string> dump_dir;
};

inline constexpr const char* default_config_path = "/etc/stillcore.conf";

// name is used in messages only.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view name);
[[nodiscard]] Result<Config> read_config(const std::string& path);

} // namespace still::ihk
