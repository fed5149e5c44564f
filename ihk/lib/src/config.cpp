// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace still::ihk {

namespace {

struct Key {
    std::string_view name;
    std::optional<std::string> Config::* field;
};

constexpr Key keys[] = {
    {"cpus", &Config::cpus},         {"mem", &Config::mem},           {"image", &Config::image},
    {"kargs", &Config::kargs},       {"on_panic", &Config::on_panic}, {"on_hang", &Config::on_hang},
    {"dump_dir", &Config::dump_dir}, {"ikc_map", &Config::ikc_map},
};

std::string_view trim(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r";
    const size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace

Result<Config> parse_config(std::string_view text, std::string_view name)
{
    Config config;
    unsigned number = 0;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            return fail(EINVAL, fmt::format("{}:{}: '{}' is not KEY = VALUE", name, number, line));
        }
        const std::string_view key = trim(line.substr(0, equals));
        std::string_view value = trim(line.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        const auto* known = std::ranges::find(keys, key, &Key::name);
        if (known == std::end(keys)) {
            return fail(EINVAL, fmt::format("{}:{}: unknown key '{}'", name, number, key),
                        "the keys are cpus, mem, image, kargs, ikc_map, on_panic, on_hang and dump_dir");
        }
        std::optional<std::string>& field = config.*known->field;
        if (field) {
            return fail(EINVAL, fmt::format("{}:{}: '{}' is set a second time", name, number, key));
        }
        field = std::string(value);
    }
    return config;
}

Result<Config> read_config(const std::string& path)
{
    std::ifstream file(path);
    if (!file) {
        return fail(errno, fmt::format("cannot read {}: {}", path, strerror(errno)));
    }
    std::ostringstream text;
    text << file.rdbuf();
    return parse_config(text.str(), path);
}

} // namespace still::ihk
