// SPDX-License-Identifier: BSD-2-Clause
#include "options.hpp"

#include "ihk/parse.hpp"

#include <stillcore/ioctl_admin.h>
#include <stillcore/peers.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>

namespace still::mcexec {

const char* const usage =
    "usage: mcexec [-c CPULIST] [-n SIZE [--rank R]] [--smartmap[=NAME]] [--stats] [--os N | /dev/ihkN | N]\n"
    "              [--memory SIZE] [--poll-us N] [--] PROGRAM [ARG...]\n"
    "Runs an unmodified Linux program on the LWK of OS instance N (else $STILLCORE_OS, else 0).\n"
    "  -c CPULIST    the LWK CPUs that the program may use, numbered from 0, such as 0,2-3 (all)\n"
    "  -n SIZE       this is one of SIZE ranks, who divide the CPUs by topology; which one, the launcher "
    "says in\n"
    "                the environment. Under Open MPI's and MPICH's mpirun that needs no option; -n 1: all "
    "CPUs\n"
    "  --rank R      which rank it is, counted from 0, where no launcher says so\n"
    "  --smartmap    the ranks of the same launcher, or the processes of the same user's that give the same "
    "NAME,\n"
    "                see each other's memory (<stillcore/smartmap.h>)\n"
    "  --memory SIZE what the program, and each that it forks, may have of the LWK's memory, as 512m or 4g\n"
    "  --stats       print at the end which system calls Linux served, how often, how long\n"
    "  --poll-us N   how long each side polls before it sleeps (20; 0: never)\n";

namespace {

constexpr const char* see_help = "see mcexec --help";

constexpr std::string_view with_value[] = {
    "-c",        "-n",         "--rank",        "--os",   "--poll-us",     "--cpu-ns", "--exec",
    "--blocked", "--close-fd", "--stack-limit", "--peer", "--personality", "--memory"};

ihk::Result<uint32_t> number_of(std::string_view option, std::string_view text, uint64_t limit)
{
    const auto value = ihk::parse_decimal(text);
    if (!value || *value >= limit) {
        return ihk::fail(EINVAL, fmt::format("{}: '{}' is not a number below {}", option, text, limit),
                         see_help);
    }
    return static_cast<uint32_t>(*value);
}

bool take_instance(std::string_view word, Options& options)
{
    constexpr std::string_view prefix = "/dev/ihk";
    if (word.starts_with(prefix)) {
        word.remove_prefix(prefix.size());
    }
    const auto number = ihk::parse_decimal(word);
    if (!number || *number >= STILL_MAX_INSTANCES) {
        return false;
    }
    options.os = static_cast<uint32_t>(*number);
    options.os_given = true;
    return true;
}

ihk::Result<> set_value(std::string_view option, const char* value, Options& options)
{
    if (option == "--stack-limit") {
        options.stack_limit = ihk::parse_decimal(value);
        return {};
    }
    if (option == "--personality") {
        options.personality = ihk::parse_decimal(value);
        return {};
    }
    if (option == "--cpu-ns") {
        options.cpu_ns = ihk::parse_decimal(value).value_or(0);
        return {};
    }
    if (option == "--blocked") {
        options.blocked = ihk::parse_decimal(value);
        return {};
    }
    if (option == "--close-fd") {
        if (const auto fd = ihk::parse_decimal(value); fd && *fd <= INT_MAX) {
            options.close_fd = static_cast<int>(*fd);
        }
        return {};
    }
    if (option == "--peer") {
        const std::string_view text = value;
        const size_t slash = text.find('/');
        const auto rank = ihk::parse_decimal(text.substr(0, slash));
        const auto size =
            slash == std::string_view::npos ? std::nullopt : ihk::parse_decimal(text.substr(slash + 1));
        if (rank && size) {
            options.peer_rank = static_cast<uint32_t>(*rank);
            options.peers = static_cast<uint32_t>(*size);
        }
        return {};
    }
    if (option == "--memory") {
        const auto bytes = ihk::parse_size(value);
        if (!bytes) {
            return ihk::fail(EINVAL, fmt::format("--memory: {}", bytes.error().message), see_help);
        }
        options.memory = *bytes;
        return {};
    }
    if (option == "--exec") {
        options.exec = value;
        return {};
    }
    if (option == "-c") {
        auto cpus = ihk::parse_cpu_list(value);
        if (!cpus) {
            return std::unexpected(cpus.error());
        }
        for (const uint32_t cpu : *cpus) {
            if (cpu >= STILL_MAX_CPUS) {
                return ihk::fail(EINVAL,
                                 fmt::format("-c {}: an LWK has at most {} CPUs", value, STILL_MAX_CPUS));
            }
        }
        options.cpus = std::move(*cpus);
        return {};
    }
    const auto number = number_of(option, value, option == "--os" ? STILL_MAX_INSTANCES : 1'000'001);
    if (!number) {
        return std::unexpected(number.error());
    }
    if (option == "--os") {
        options.os = *number;
        options.os_given = true;
    } else if (option == "-n") {
        options.ranks = *number;
    } else if (option == "--rank") {
        options.rank = *number;
    } else {
        options.poll_us = *number;
    }
    return {};
}

} // namespace

ihk::Result<Options> parse_options(int argc, const char* const* argv)
{
    Options options;
    bool instance_given = false;
    int at = 1;
    for (; at < argc; ++at) {
        std::string_view word = argv[at];
        if (word == "--") {
            ++at;
            break;
        }
        if (word == "--help" || word == "-h") {
            options.help = true;
            return options;
        }
        if (word == "--smartmap" || word.starts_with("--smartmap=")) {
            options.smartmap = word.substr(std::min(word.size(), std::string_view("--smartmap=").size()));
            if (options.smartmap->size() >= STILL_PEERS_NAME) {
                return ihk::fail(
                    EINVAL, fmt::format("--smartmap: a name has at most {} bytes", STILL_PEERS_NAME - 1));
            }
            continue;
        }
        if (word == "--stats") {
            options.stats = true;
            continue;
        }
        if (word.size() > 1 && word.front() == '-') {
            const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
            const std::string_view name = word.substr(0, equals);
            if (std::find(std::begin(with_value), std::end(with_value), name) == std::end(with_value)) {
                return ihk::fail(EINVAL, fmt::format("unknown option '{}'", word), see_help);
            }
            const char* value = equals != std::string_view::npos ? argv[at] + equals + 1 : argv[++at];
            if (value == nullptr) {
                return ihk::fail(EINVAL, fmt::format("{} needs a value", name), see_help);
            }
            if (const auto good = set_value(name, value, options); !good) {
                return std::unexpected(good.error());
            }
            continue;
        }
        // McKernel's [OSNUM], or a device: once, and only with a program behind it.
        if (!instance_given && at + 1 < argc && take_instance(word, options)) {
            instance_given = true;
            continue;
        }
        break;
    }
    if (at >= argc && !options.exec) {
        return ihk::fail(EINVAL, "no program given", see_help);
    }
    if (options.rank && !options.ranks) {
        return ihk::fail(EINVAL, "--rank says which of how many only together with -n", see_help);
    }
    if (options.ranks && options.rank.value_or(0) >= *options.ranks) {
        return ihk::fail(EINVAL,
                         fmt::format("there is no rank {} of {}", options.rank.value_or(0), *options.ranks),
                         "ranks are counted from 0");
    }
    options.program = at;
    return options;
}

ihk::Result<> choose_instance(Options& options, const char* value)
{
    if (options.os_given || value == nullptr || take_instance(value, options)) {
        return {};
    }
    return ihk::fail(EINVAL, fmt::format("STILLCORE_OS: '{}' names no OS instance", value),
                     "it is a number, or /dev/ihkN");
}

} // namespace still::mcexec
