// SPDX-License-Identifier: BSD-2-Clause
#include "exec.hpp"

#include "find_program.hpp"
#include "limits.hpp"
#include "process.hpp"
#include "signal_relay.hpp"
#include "user_memory.hpp"

#include "ihk/parse.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

std::vector<std::string> command_line(const std::string& path, const Request& request, uint64_t cpu_ns,
                                      std::vector<std::string> argv)
{
    const Options& options = process.options;
    std::vector<std::string> words{
        "mcexec", fmt::format("--os={}", options.os), fmt::format("--exec={}", path),
        fmt::format("--blocked={}", request.arg[4]), fmt::format("--cpu-ns={}", cpu_ns)};
    std::vector<uint32_t> cpus;
    for (uint32_t cpu = 0; cpu < 64; ++cpu) {
        if ((request.arg[5] >> cpu & 1) != 0) {
            cpus.push_back(cpu);
        }
    }
    cpus = cpus.empty() ? options.cpus : cpus;
    if (!cpus.empty()) {
        words.insert(words.end(), {"-c", ihk::format_cpu_list(cpus)});
    }
    if (options.poll_us) {
        words.push_back(fmt::format("--poll-us={}", *options.poll_us));
    }
    if (options.stats) {
        words.emplace_back("--stats");
    }
    words.emplace_back("--");
    words.insert(words.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
    return words;
}

std::vector<char*> pointers(std::vector<std::string>& strings)
{
    std::vector<char*> list;
    list.reserve(strings.size() + 1);
    for (std::string& text : strings) {
        list.push_back(text.data());
    }
    list.push_back(nullptr);
    return list;
}

} // namespace

int64_t execute_anew(const Request& request)
{
    const auto path = read_program_string(request.arg[0], PATH_MAX);
    auto argv = read_program_strings(request.arg[1]);
    auto envp = read_program_strings(request.arg[2]);
    if (!path || !argv || !envp) {
        return -EFAULT;
    }
    const auto program = open_program(*path, *argv);
    if (!program) {
        return -program.error().number;
    }
    if (const auto good = check_program(*program); !good) {
        return -good.error().number;
    }
    still_report_process facts{};
    still_report question{STILL_REPORT_PROCESS, 0, 0, reinterpret_cast<uint64_t>(&facts),
                          sizeof facts}; // SAFETY: so the ioctl takes addresses
    if (const int asked = process.device.report(question); asked < 0) {
        return asked;
    }
    auto words = command_line(*path, request, facts.cpu_ns, std::move(*argv));
    const auto argv_pointers = pointers(words);
    const auto envp_pointers = pointers(*envp);

    // All stay blocked across it: what arrives meanwhile waits for the new mcexec, which knows the program's
    // own mask.
    block_signals();
    restore_limits(facts);
    leave_ignored(request.arg[3]);
    // /proc/self/exe is the program's.
    const int own = process.device.own_exe();
    if (own >= 0) {
        execveat(own, "", argv_pointers.data(), envp_pointers.data(), AT_EMPTY_PATH);
    } else {
        execve("/proc/self/exe", argv_pointers.data(), envp_pointers.data());
    }
    const int number = errno;
    if (own >= 0) {
        close(own);
    }
    block_signals();
    free_own_limits();
    reinstall_relay();
    unblock_signals();
    return -number;
}

} // namespace still::mcexec
