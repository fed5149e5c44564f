// SPDX-License-Identifier: BSD-2-Clause
#include <debug/log.hpp>
#include <debug/test.hpp>

extern "C" const still::KernelTest still_tests_start[], still_tests_end[];

namespace still {

namespace {
template <class... Args> void tap(std::string_view pattern, const Args&... args)
{
    char room[128];
    TextBuffer line(room);
    format_to(line, pattern, args...);
    line.put("\r\n");
    const ConsoleTurn turn;
    turn.write(line.view());
}
} // namespace

bool run_kernel_tests()
{
    const auto count = static_cast<u64>(still_tests_end - still_tests_start);
    tap("TAP version 13");
    tap("1..{}", count);
    u64 failed = 0;
    for (u64 i = 0; i < count; ++i) {
        const bool good = still_tests_start[i].run();
        failed += good ? 0 : 1;
        tap("{} {} - {}", good ? "ok" : "not ok", i + 1, still_tests_start[i].name);
    }
    tap("# {} of {} failed", failed, count);
    return failed == 0;
}

} // namespace still
