// SPDX-License-Identifier: BSD-2-Clause
// The configuration file of `ihkosctl up`: lines `key = value`, comments with #, keys cpus, mem, image,
// kargs.
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
};

inline constexpr const char* default_config_path = "/etc/stillcore.conf";

// name is used in messages only.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view name);
[[nodiscard]] Result<Config> read_config(const std::string& path);

} // namespace still::ihk
