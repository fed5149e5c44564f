// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N dump: a core file for gdb.
#include "commands.hpp"
#include "common.hpp"

#include "ihk/dump.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace still::cli {

namespace {

double to_mib(uint64_t bytes)
{
    return static_cast<double>(bytes) / 1048576.0;
}

} // namespace

int dump(ihk::Instance& os, const std::string& level, const std::string& file)
{
    if (level != "kernel" && level != "full") {
        return report(
            {EINVAL, fmt::format("there is no level '{}'", level), "the levels are kernel and full"});
    }
    const auto summary = ihk::dump(os, file, level == "full" ? ihk::DumpLevel::full : ihk::DumpLevel::kernel);
    if (!summary) {
        return report(summary.error());
    }
    for (const uint32_t cpu : summary->silent) {
        progress(fmt::format("LWK CPU {} does not answer: what its registers were last is in the file", cpu));
    }
    progress(fmt::format("dump: {}: {:.1f} MiB of {:.1f} MiB ({})", file, to_mib(summary->written),
                         to_mib(summary->memory), level));
    return exit_ok;
}

} // namespace still::cli
