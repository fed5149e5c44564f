// SPDX-License-Identifier: BSD-2-Clause
#include "exec.hpp"

#include "find_program.hpp"
#include "limits.hpp"
#include "peers.hpp"
#include "process.hpp"
#include "signal_relay.hpp"
#include "user_memory.hpp"

#include "ihk/parse.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <expected>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

// What execveat() names, as a path that mcexec can open once more after it has executed itself.
struct Target {
    std::string path;
    ihk::FileHandle kept; // makes the path good across that; -1: not needed
};

std::string path_through(const ihk::FileHandle& kept)
{
    return fmt::format("/proc/self/fd/{}", kept.get());
}

// Of /proc/self/exe and the like: they lead elsewhere then.
std::expected<Target, int> keep_file(const std::string& path)
{
    const ihk::FileHandle file(open(path.c_str(), O_PATH | O_CLOEXEC));
    ihk::FileHandle kept(file.get() < 0 ? -1 : fcntl(file.get(), F_DUPFD, 3));
    if (kept.get() < 0) {
        return std::unexpected(errno);
    }
    std::string through = path_through(kept);
    return Target{std::move(through), std::move(kept)};
}

std::expected<Target, int> target_of(const Request& request)
{
    const auto directory = static_cast<int>(request.arg[3]);
    const uint64_t flags = request.arg[4];
    auto path = read_program_string(request.arg[0], PATH_MAX - 1);
    if (!path) {
        return std::unexpected(path.error() == E2BIG ? ENAMETOOLONG : path.error());
    }
    if (path->empty() && (flags & AT_EMPTY_PATH) == 0) {
        return std::unexpected(ENOENT);
    }
    if ((flags & ~static_cast<uint64_t>(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) {
        return std::unexpected(EINVAL);
    }
    if (struct stat info{}; (flags & AT_SYMLINK_NOFOLLOW) != 0 && !path->empty() &&
                            fstatat(directory, path->c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                            S_ISLNK(info.st_mode)) {
        return std::unexpected(ELOOP);
    }
    if (path->starts_with("/proc/")) {
        return keep_file(*path);
    }
    if (path->starts_with('/') || (directory == AT_FDCWD && !path->empty())) {
        return Target{std::move(*path), ihk::FileHandle(-1)};
    }
    if (directory == AT_FDCWD) {
        return std::unexpected(EACCES); // a directory
    }
    // Not close-on-exec: the new mcexec closes it (--close-fd).
    ihk::FileHandle kept(fcntl(directory, F_DUPFD, 3));
    if (kept.get() < 0) {
        return std::unexpected(errno);
    }
    std::string through = path_through(kept);
    if (!path->empty()) {
        through += "/" + *path;
    }
    return Target{std::move(through), std::move(kept)};
}

std::vector<std::string> command_line(const Target& target, const ExecState& inherited, uint64_t cpu_ns,
                                      std::vector<std::string> argv)
{
    const Options& options = process.options;
    std::vector<std::string> words{
        "mcexec", fmt::format("--os={}", options.os), fmt::format("--exec={}", target.path),
        fmt::format("--blocked={}", inherited.blocked), fmt::format("--cpu-ns={}", cpu_ns)};
    if (target.kept.get() >= 0) {
        words.push_back(fmt::format("--close-fd={}", target.kept.get()));
    }
    std::vector<uint32_t> cpus;
    for (uint32_t cpu = 0; cpu < STILL_MAX_CPUS; ++cpu) {
        if ((inherited.cpus[cpu / 64] >> (cpu % 64) & 1) != 0) {
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
    if (options.memory != 0) {
        words.push_back(fmt::format("--memory={}", options.memory));
    }
    add_peers(words);
    if (options.stats) {
        words.emplace_back("--stats");
    }
    words.emplace_back("--");
    words.insert(words.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
    return words;
}

// A program on the LWK that executes mcexec leaves the LWK: mcexec is a program for Linux.
bool is_mcexec(const Program& program, int own_file)
{
    struct stat own{}, its{};
    return (own_file >= 0 ? fstat(own_file, &own) : stat("/proc/self/exe", &own)) == 0 &&
           fstat(program.file.get(), &its) == 0 && own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

// What the LWK has pending (STILL_CALL_EXEC), with all that is known of it.
void leave_pending(uint64_t list)
{
    still_pending_signal pending{};
    for (; list != 0 && read_program(list, &pending, sizeof pending) && pending.info[0] != 0;
         list += sizeof pending) {
        const auto signo = static_cast<int>(pending.info[0]);
        char info[sizeof(siginfo_t)] = {};
        memcpy(info, pending.info, sizeof pending.info);
        if (pending.to_thread != 0) {
            syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), signo, info);
        } else {
            syscall(SYS_rt_sigqueueinfo, getpid(), signo, info);
        }
    }
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

int64_t execute_anew(const Request& request, const ExecState& inherited)
{
    const auto target = target_of(request);
    if (!target) {
        return -target.error();
    }
    auto argv = read_program_strings(request.arg[1]);
    auto envp = read_program_strings(request.arg[2]);
    if (!argv || !envp) {
        return -(argv ? envp.error() : argv.error());
    }
    const auto program = open_program(target->path, *argv);
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
    const int own = process.device.own_exe();
    if (own < 0 && own != -ENOENT) {
        return own; // what /proc/self/exe names is the program
    }
    const bool leaves = is_mcexec(*program, own);
    auto words = leaves ? std::move(*argv) : command_line(*target, inherited, facts.cpu_ns, std::move(*argv));
    const auto argv_pointers = pointers(words);
    const auto envp_pointers = pointers(*envp);

    // All stay blocked across it: what arrives meanwhile waits for the new mcexec, which knows the program's
    // own mask. What the LWK has and the program blocks waits there as well.
    block_signals();
    restore_limits(facts);
    leave_ignored(inherited.ignored);
    leave_pending(request.arg[5]); // now: a pending SIGCHLD goes when its disposition changes
    if (leaves) {
        set_signal_mask(inherited.blocked);
    }
    // /proc/self/exe is the program's.
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
