// SPDX-License-Identifier: BSD-2-Clause
#include "watcher.hpp"

#include "ihk/device.hpp"

#include <stillcore/ioctl_admin.h>

#include <fmt/format.h>

#include <cerrno>

namespace still::monitor {

namespace {

ihk::Result<Reaction> reaction_of(std::string_view key, const std::optional<std::string>& value)
{
    const std::string text = value.value_or("report");
    if (text == "report") {
        return Reaction{};
    }
    if (text == "dump") {
        return Reaction{.dumps = true};
    }
    if (text == "reboot") {
        return Reaction{.reboots = true};
    }
    if (text == "dump,reboot") {
        return Reaction{.dumps = true, .reboots = true};
    }
    return ihk::fail(EINVAL, fmt::format("{} = {}: no such action", key, text),
                     "the actions are report, dump, reboot and dump,reboot");
}

Severity severity_of(std::string_view line)
{
    if (line.find("PANIC") != line.npos || line.find("panic:") != line.npos) {
        return Severity::critical;
    }
    return line.find("out of memory") != line.npos ? Severity::warning : Severity::info;
}

} // namespace

ihk::Result<Policy> policy_of(const ihk::Config& config)
{
    Policy policy;
    auto on_panic = reaction_of("on_panic", config.on_panic);
    auto on_hang = reaction_of("on_hang", config.on_hang);
    if (!on_panic || !on_hang) {
        return std::unexpected(on_panic ? on_hang.error() : on_panic.error());
    }
    policy.on_panic = *on_panic;
    policy.on_hang = *on_hang;
    policy.dump_dir = config.dump_dir.value_or(policy.dump_dir);
    return policy;
}

Verdict Watcher::look(uint32_t state, std::string_view panic, const Policy& policy, Clock::time_point now)
{
    if (state_ == state) {
        return {};
    }
    state_ = state;
    if (state != STILL_OS_PANIC && state != STILL_OS_HUNGUP) {
        return {Severity::notice, ihk::state_name(state), {}};
    }
    const bool is_panic = state == STILL_OS_PANIC;
    Verdict verdict{Severity::critical,
                    fmt::format("{}{}{}", ihk::state_name(state), panic.empty() ? "" : ": ", panic),
                    is_panic ? policy.on_panic : policy.on_hang};
    if (verdict.reaction.reboots) {
        std::erase_if(reboots_, [now](Clock::time_point then) { return now - then >= window; });
        if (reboots_.size() == reboots_at_most) {
            verdict.reaction.reboots = false;
            verdict.text += fmt::format("; not booted again: that was done {} times within {} minutes",
                                        reboots_at_most, window.count());
        } else {
            reboots_.push_back(now);
        }
    }
    return verdict;
}

std::vector<LogLine> LineCutter::take(std::string_view piece)
{
    std::vector<LogLine> lines;
    rest_ += piece;
    size_t from = 0;
    for (;;) {
        const size_t end = rest_.find('\n', from);
        const bool is_whole = end != rest_.npos;
        if (!is_whole && rest_.size() - from < longest) {
            break;
        }
        const std::string line = rest_.substr(from, std::min(is_whole ? end - from : longest, longest));
        from += line.size() + (from + line.size() == end ? 1 : 0);
        lines.push_back({severity_of(line), line});
    }
    rest_.erase(0, from);
    return lines;
}

} // namespace still::monitor
