// SPDX-License-Identifier: BSD-2-Clause
#include "limits.hpp"

#include "process.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/resource.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

constexpr rlim_t bounded_stack = 8ull << 20;
// Beyond this Linux's gap for the stack eats into what mcexec wants for the program.
constexpr rlim_t largest_own_stack = 64ull << 30;
constexpr int own_limits[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_CPU};

void free_own_limit(int resource)
{
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(static_cast<__rlimit_resource>(resource), &none) != 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(static_cast<__rlimit_resource>(resource), &limit);
    }
}

} // namespace

still_limit limit_of(int resource)
{
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    return {limit.rlim_cur, limit.rlim_max};
}

void free_own_limits()
{
    for (const int resource : own_limits) {
        free_own_limit(resource);
    }
}

ihk::Result<> ensure_bounded_stack(const Options& options, int argc, char** argv)
{
    rlimit stack{};
    getrlimit(RLIMIT_STACK, &stack);
    if (options.stack_limit) {
        // The new mcexec: its own layout is settled, the program shall see the limit that was set.
        stack.rlim_cur = *options.stack_limit;
        setrlimit(RLIMIT_STACK, &stack);
        return {};
    }
    if (stack.rlim_cur <= largest_own_stack) {
        return {};
    }
    const std::string original = fmt::format("--stack-limit={}", stack.rlim_cur);
    stack.rlim_cur = bounded_stack;
    if (setrlimit(RLIMIT_STACK, &stack) != 0) {
        return ihk::fail(errno, "cannot set a limit for mcexec's own stack");
    }
    std::vector<char*> longer{argv[0], const_cast<char*>(original.c_str())}; // SAFETY: execv() does not write
    longer.insert(longer.end(), argv + 1, argv + argc + 1);
    execv("/proc/self/exe", longer.data());
    return ihk::fail(errno, fmt::format("cannot start /proc/self/exe again: {}", strerror(errno)));
}

void restore_limits(const still_report_process& program)
{
    const std::pair<__rlimit_resource, still_limit> limits[] = {{RLIMIT_AS, program.limit_as},
                                                                {RLIMIT_DATA, program.limit_data},
                                                                {RLIMIT_STACK, program.limit_stack},
                                                                {RLIMIT_MEMLOCK, program.limit_memlock},
                                                                {RLIMIT_CPU, program.limit_cpu}};
    for (const auto& [resource, value] : limits) {
        const rlimit limit{value.soft, value.hard};
        setrlimit(resource, &limit);
    }
}

} // namespace still::mcexec
