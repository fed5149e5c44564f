// SPDX-License-Identifier: BSD-2-Clause
// mcexec: runs an unmodified Linux program on the LWK, and stands for it in Linux.
#include "find_program.hpp"
#include "launch.hpp"
#include "limits.hpp"
#include "offload.hpp"
#include "options.hpp"
#include "peers.hpp"
#include "process.hpp"
#include "ranks.hpp"

#include "ihk/device.hpp"
#include "ihk/machine.hpp"

#include <stillcore/ioctl_admin.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

Process process;

void say(const char* text)
{
    char line[512];
    const int length = snprintf(line, sizeof line, "mcexec: %s", text);
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, line, std::min<size_t>(static_cast<size_t>(length), sizeof line - 1));
}

void die_lwk_gone()
{
    // No handler comes in between: SIGPIPE's would ask the LWK, and be here once more.
    const uint64_t all = ~0ull;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, nullptr, sizeof all);
    static std::atomic_flag said;
    if (said.test_and_set()) {
        for (;;) {
            pause(); // the thread that said it ends all
        }
    }
    const int state = process.device.os_state();
    const char* why = state == STILL_OS_PANIC    ? "panic"
                      : state == STILL_OS_HUNGUP ? "a CPU hangs"
                                                 : "it was shut down";
    // snprintf of integers and constants takes no lock and no memory: fit for a signal handler.
    char text[160];
    snprintf(text, sizeof text, "the LWK of /dev/ihk%u has stopped (%s); see ihkosctl %u kmsg\n",
             process.device.os(), why, process.device.os());
    pollfd output{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&output, 1, 1000) == 1) { // who does not read does not keep it
        say(text);
    }
    _exit(exit_lwk_gone);
}

namespace {

int fail_with(const ihk::Error& error, int status)
{
    say((error.message + "\n").c_str());
    if (!error.hint.empty()) {
        const std::string hint = "        (" + error.hint + ")\n";
        [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, hint.data(), hint.size());
    }
    return status;
}

// Replaces the CPUs by this rank's share of them, if it is one of several.
ihk::Result<> take_share(Options& options)
{
    const auto part = part_of(options, [](const char* name) { return getenv(name); });
    if (!part || part->size == 1) {
        return part ? ihk::Result<>{} : std::unexpected(part.error());
    }
    auto os = ihk::Instance::open(options.os, ihk::Instance::Access::look);
    const auto places = os ? ihk::cpu_places(*os) : std::unexpected(os.error());
    if (!places) {
        return std::unexpected(places.error());
    }
    options.cpus = share_of(*places, options.cpus, *part);
    return {};
}

int run(int argc, char** argv, char** environment)
{
    auto options = parse_options(argc, argv);
    if (!options) {
        return fail_with(options.error(), exit_failed);
    }
    if (options->help) {
        [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, usage, strlen(usage));
        return 0;
    }
    if (const auto good = choose_instance(*options, getenv("STILLCORE_OS")); !good) {
        return fail_with(good.error(), exit_failed);
    }
    if (const auto good = lie_above_slots(*options, argc, argv); !good) {
        return fail_with(good.error(), exit_failed);
    }
    if (const auto good = ensure_bounded_stack(*options, argc, argv); !good) {
        return fail_with(good.error(), exit_failed);
    }
    restore_personality(*options);
    std::vector<std::string> words(argv + options->program, argv + argc);
    const std::string name = words.empty() ? std::string() : words.front();
    auto program =
        options->exec ? open_program(*options->exec, std::move(words)) : find_program(name, std::move(words));
    if (!program) {
        return fail_with(program.error(), exit_status_of(program.error()));
    }
    // What can be known to be wrong with the file is told even where there is no LWK.
    if (const auto good = check_program(*program); !good) {
        return fail_with(good.error(), exit_status_of(good.error()));
    }
    if (options->close_fd) {
        close(*options->close_fd);
    }
    if (const auto good = take_share(*options); !good) {
        return fail_with(good.error(), exit_failed);
    }
    process.options = *options;
    if (const auto opened = process.device.open(options->os); !opened) {
        return fail_with(opened.error(), exit_failed);
    }
    if (options->stats) {
        process.stats_output.adopt(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    }
    if (const auto launched = launch(*options, std::move(*program), environment); !launched) {
        const int number = launched.error().number;
        return fail_with(launched.error(), number == EIO                          ? exit_lwk_gone
                                           : number == ENOEXEC || number == E2BIG ? 126
                                           : number == ENOENT                     ? 127
                                                                                  : exit_failed);
    }
    serve(0);
    // The first thread has ended, others go on: as on Linux the process lives while one of them does.
    syscall(SYS_exit, 0);
    return 0;
}

} // namespace

} // namespace still::mcexec

int main(int argc, char** argv, char** environment)
{
    return still::mcexec::run(argc, argv, environment);
}
