// SPDX-License-Identifier: BSD-2-Clause
// What the monitor makes of an instance's states and of its log. Pure: time is given, what shall be done is answered.
#pragma once

#include "ihk/config.hpp"
#include "ihk/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace still::monitor {

// As syslog(3) numbers them.
enum class Severity : int { critical = 2, error = 3, warning = 4, notice = 5, info = 6 };

struct Reaction {
    bool dumps = false;
    bool reboots = false;
};

struct Policy {
    Reaction on_panic;
    Reaction on_hang;
    std::string dump_dir = "/var/lib/stillcore";
};

// on_panic and on_hang: report, dump, reboot or dump,reboot.
[[nodiscard]] ihk::Result<Policy> policy_of(const ihk::Config& config);

// What an instance is told of, and what is to be done with it now.
struct Verdict {
    Severity severity = Severity::info;
    std::string text; // empty: nothing has changed
    Reaction reaction;
};

class Watcher {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr size_t reboots_at_most = 3; // within:
    static constexpr std::chrono::minutes window{10};

    // state: STILL_OS_*; panic: its words, or empty.
    [[nodiscard]] Verdict look(uint32_t state, std::string_view panic, const Policy& policy,
                               Clock::time_point now);

  private:
    std::optional<uint32_t> state_;
    std::vector<Clock::time_point> reboots_;
};

struct LogLine {
    Severity severity;
    std::string text;
};

// Cuts the log into lines; what has no end yet is kept for the next piece.
class LineCutter {
  public:
    [[nodiscard]] std::vector<LogLine> take(std::string_view piece);

  private:
    static constexpr size_t longest = 4096; // a line that is longer is cut
    std::string rest_;
};

} // namespace still::monitor
