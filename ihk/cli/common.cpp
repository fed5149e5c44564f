// SPDX-License-Identifier: BSD-2-Clause
#include "common.hpp"

#include <fmt/core.h>

#include <cstdio>

namespace still::cli {

namespace {
const char* tool = "ihk";
}

void set_tool_name(const char* name)
{
    tool = name;
}

int report(const ihk::Error& error)
{
    fmt::print(stderr, "{}: {}\n", tool, error.message);
    if (!error.hint.empty()) {
        fmt::print(stderr, "{}  ({})\n", std::string(std::string(tool).size(), ' '), error.hint);
    }
    return exit_failed;
}

int finish(const ihk::Result<>& result)
{
    return result ? exit_ok : report(result.error());
}

void progress(const std::string& line)
{
    fmt::print(stderr, "{}: {}\n", tool, line);
    fflush(stderr);
}

} // namespace still::cli
