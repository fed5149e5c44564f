// SPDX-License-Identifier: BSD-2-Clause
// ihkmond: watches all instances. Their logs go to the journal, a panic or a hang is told of and, as
// /etc/stillcore.conf says, dumped and mended by a reboot. sd_notify(3) for readiness and the watchdog.
#include "watcher.hpp"

#include "ihk/device.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <map>
#include <set>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace still;
using monitor::Severity;

namespace {

volatile sig_atomic_t is_over = 0, is_to_read = 0;

// To the journal with the instance's number as a field; outside of systemd to stdout.
void tell(std::optional<uint32_t> os, const char* who, Severity severity, const std::string& text)
{
    static const bool has_journal = getenv("JOURNAL_STREAM") != nullptr;
    const std::string number = os ? fmt::format("{}", *os) : "";
    if (!has_journal || sd_journal_send("MESSAGE=%s", text.c_str(), "PRIORITY=%d", static_cast<int>(severity),
                                        "SYSLOG_IDENTIFIER=%s", who, os ? "STILLCORE_OS=%s" : nullptr,
                                        number.c_str(), nullptr) < 0) {
        fmt::print("{}{}: {}\n", who, number, text);
        fflush(stdout);
    }
}

void say(Severity severity, const std::string& text, std::optional<uint32_t> os = {})
{
    tell({}, "ihkmond", severity, os ? fmt::format("OS instance {}: {}", *os, text) : text);
}

constexpr std::chrono::minutes child_deadline{15};

// While a child works the watchdog is fed: a dump of much memory takes its time. One that hangs is killed at last.
bool run(const std::vector<std::string>& words)
{
    std::vector<char*> argv;
    for (const std::string& word : words) {
        argv.push_back(const_cast<char*>(word.c_str())); // SAFETY: posix_spawnp does not write to it
    }
    argv.push_back(nullptr);
    pid_t child = 0;
    if (const int error = posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ)) {
        say(Severity::error, fmt::format("cannot start {}: {}", words[0], strerror(error)));
        return false;
    }
    int status = 0;
    const auto end = monitor::Watcher::Clock::now() + child_deadline;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (monitor::Watcher::Clock::now() > end) {
            kill(child, SIGKILL);
        }
        sd_notify(0, "WATCHDOG=1");
        usleep(100'000);
    }
    if (status != 0) {
        say(Severity::error, fmt::format("'{}' failed", fmt::join(words, " ")));
    }
    return status == 0;
}

std::string dump_path(const std::string& directory, uint32_t os)
{
    const time_t now = time(nullptr);
    struct tm parts{};
    char text[32];
    strftime(text, sizeof text, "%Y%m%d-%H%M%S", localtime_r(&now, &parts));
    return fmt::format("{}/os{}-{}.core", directory, os, text);
}

class Monitor {
  public:
    Monitor(std::string config, monitor::Policy policy)
        : config_(std::move(config)), policy_(std::move(policy))
    {
    }

    // Looks at every instance once. No module, or no instance, is nothing to complain of.
    void look()
    {
        std::set<uint32_t> there;
        if (auto device = ihk::Device::open()) {
            if (const auto list = device->instances()) {
                there.insert(list->begin(), list->end());
            }
        }
        std::erase_if(watched_, [&](const auto& entry) {
            if (there.contains(entry.first)) {
                return false;
            }
            say(Severity::notice, "gone", entry.first);
            return true;
        });
        for (const uint32_t index : there) {
            look_at(index, watched_[index]);
        }
        sd_notifyf(0, "WATCHDOG=1\nSTATUS=%zu OS instances", watched_.size());
    }

    void reread()
    {
        auto config = ihk::read_config(config_);
        const auto policy = config ? monitor::policy_of(*config)
                                   : ihk::Result<monitor::Policy>(std::unexpected(config.error()));
        if (policy) {
            policy_ = *policy;
            say(Severity::notice, fmt::format("{} was read again", config_));
        } else {
            say(Severity::error, fmt::format("{}; the old configuration holds", policy.error().message));
        }
    }

  private:
    struct Watched {
        monitor::Watcher watcher;
        monitor::LineCutter cutter;
        uint64_t log_from = 0;
    };

    void look_at(uint32_t index, Watched& watched)
    {
        auto os = ihk::Instance::open(index, ihk::Instance::Access::look);
        if (!os) {
            return; // gone meanwhile, which the next look will tell
        }
        forward_log(*os, watched);
        const auto answer = os->status();
        if (!answer) {
            return;
        }
        const still_status& s = answer->status;
        const auto verdict =
            watched.watcher.look(s.state, {s.panic_text, strnlen(s.panic_text, sizeof s.panic_text)}, policy_,
                                 monitor::Watcher::Clock::now());
        if (verdict.text.empty()) {
            return;
        }
        forward_log(*os, watched); // what was written before it failed stands before the verdict
        say(verdict.severity, verdict.text, index);
        if (verdict.reaction.dumps) {
            dump(index);
        }
        if (verdict.reaction.reboots) {
            say(Severity::notice, "is booted again", index);
            run({"ihkosctl", "reboot", fmt::format("{}", index), "--config", config_});
        }
    }

    static void forward_log(ihk::Instance& os, Watched& watched)
    {
        const auto text = os.kmsg(watched.log_from);
        if (!text) {
            return;
        }
        for (const auto& line : watched.cutter.take(*text)) {
            tell(os.index(), "lwk", line.severity, line.text);
        }
    }

    void dump(uint32_t index)
    {
        if (mkdir(policy_.dump_dir.c_str(), 0700) != 0 && errno != EEXIST) {
            say(Severity::error, fmt::format("cannot make {}: {}", policy_.dump_dir, strerror(errno)));
            return;
        }
        const std::string path = dump_path(policy_.dump_dir, index);
        if (run({"ihkosctl", fmt::format("{}", index), "dump", path})) {
            say(Severity::notice, fmt::format("dumped to {}", path), index);
        }
    }

    std::string config_;
    monitor::Policy policy_;
    std::map<uint32_t, Watched> watched_;
};

void on_signal(int number)
{
    (number == SIGHUP ? is_to_read : is_over) = 1;
}

} // namespace

int main(int argc, char** argv)
{
    std::string path = ihk::default_config_path;
    unsigned interval_ms = 500;
    CLI::App app("Watch all LWK instances: forward their logs, report and mend a panic or a hang", "ihkmond");
    app.add_option("--config", path, "configuration file (default /etc/stillcore.conf)");
    app.add_option("--interval-ms", interval_ms, "how often to look (default 500)")
        ->check(CLI::Range(10, 60'000));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    ihk::Config config;
    if (access(path.c_str(), F_OK) == 0 || app.count("--config") != 0) {
        auto read = ihk::read_config(path);
        if (!read) {
            fmt::print(stderr, "ihkmond: {}\n", read.error().message);
            return 1;
        }
        config = *read;
    }
    auto policy = monitor::policy_of(config);
    if (!policy) {
        fmt::print(stderr, "ihkmond: {}: {} ({})\n", path, policy.error().message, policy.error().hint);
        return 1;
    }
    struct sigaction action{};
    action.sa_handler = on_signal;
    for (const int number : {SIGHUP, SIGINT, SIGTERM}) {
        sigaction(number, &action, nullptr);
    }
    Monitor monitor(path, *policy);
    monitor.look();
    sd_notify(0, "READY=1");
    while (is_over == 0) {
        if (is_to_read != 0) {
            is_to_read = 0;
            monitor.reread();
        }
        const timespec interval{interval_ms / 1000, interval_ms % 1000 * 1'000'000L};
        nanosleep(&interval, nullptr); // a signal ends it
        monitor.look();
    }
    sd_notify(0, "STOPPING=1");
    return 0;
}
