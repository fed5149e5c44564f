// SPDX-License-Identifier: BSD-2-Clause
#include "watcher.hpp"

#include <gtest/gtest.h>

#include <stillcore/ioctl_admin.h>

namespace still::monitor {
namespace {

using std::chrono::minutes;
constexpr Watcher::Clock::time_point start{};

Policy policy(std::string_view text)
{
    const auto config = ihk::parse_config(text, "test");
    return policy_of(*config).value();
}

TEST(Policy, SaysWhatIsDone)
{
    const Policy none = policy("");
    EXPECT_FALSE(none.on_panic.dumps || none.on_panic.reboots || none.on_hang.dumps || none.on_hang.reboots);
    EXPECT_EQ(none.dump_dir, "/var/lib/stillcore");
    const Policy some = policy("on_panic = dump,reboot\non_hang = reboot\ndump_dir = /d");
    EXPECT_TRUE(some.on_panic.dumps && some.on_panic.reboots && some.on_hang.reboots);
    EXPECT_FALSE(some.on_hang.dumps);
    EXPECT_EQ(some.dump_dir, "/d");
}

TEST(Policy, NamesTheKeyOfAnUnknownAction)
{
    for (const char* key : {"on_panic", "on_hang"}) {
        const auto config = ihk::parse_config(std::string(key) + " = explode", "test");
        const auto answer = policy_of(*config);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().message, std::string(key) + " = explode: no such action");
    }
}

TEST(Watcher, TellsOfChangesOnly)
{
    Watcher watcher;
    EXPECT_EQ(watcher.look(STILL_OS_RUNNING, "", {}, start).text, "RUNNING");
    EXPECT_EQ(watcher.look(STILL_OS_RUNNING, "", {}, start).text, "");
    const Verdict verdict = watcher.look(STILL_OS_PANIC, "no page", {}, start);
    EXPECT_EQ(verdict.text, "PANIC: no page");
    EXPECT_EQ(verdict.severity, Severity::critical);
    EXPECT_FALSE(verdict.reaction.dumps || verdict.reaction.reboots);
    EXPECT_EQ(watcher.look(STILL_OS_PANIC, "no page", {}, start).text, "");
}

TEST(Watcher, TellsAPanicFromAHang)
{
    const Policy both = policy("on_panic = dump\non_hang = reboot");
    Watcher watcher;
    EXPECT_TRUE(watcher.look(STILL_OS_PANIC, "", both, start).reaction.dumps);
    const Verdict hang = watcher.look(STILL_OS_HUNGUP, "CPU 1", both, start);
    EXPECT_EQ(hang.text, "HUNGUP: CPU 1");
    EXPECT_TRUE(hang.reaction.reboots && !hang.reaction.dumps);
}

TEST(Watcher, DoesNotBootWithoutEndWhatDiesAtOnce)
{
    const Policy reboot = policy("on_panic = reboot");
    Watcher watcher;
    const auto dies_at = [&](minutes when) {
        (void)watcher.look(STILL_OS_RUNNING, "", reboot, start + when);
        return watcher.look(STILL_OS_PANIC, "", reboot, start + when);
    };
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(dies_at(minutes(i)).reaction.reboots);
    }
    const Verdict fourth = dies_at(minutes(9));
    EXPECT_FALSE(fourth.reaction.reboots);
    EXPECT_EQ(fourth.text, "PANIC; not booted again: that was done 3 times within 10 minutes");
    EXPECT_TRUE(dies_at(minutes(10)).reaction.reboots) << "the first is ten minutes ago";
    EXPECT_FALSE(dies_at(minutes(10)).reaction.reboots);
}

TEST(LineCutter, KeepsWhatHasNoEndYet)
{
    LineCutter cutter;
    EXPECT_TRUE(cutter.take("[0.1] one").empty());
    auto lines = cutter.take(" line\n[0.2] out of memory: process 7 is killed\n\n[0.3]");
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0].text, "[0.1] one line");
    EXPECT_EQ(lines[0].severity, Severity::info);
    EXPECT_EQ(lines[1].severity, Severity::warning);
    EXPECT_EQ(lines[2].text, "");
    lines = cutter.take(" PANIC\n");
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text, "[0.3] PANIC");
    EXPECT_EQ(lines[0].severity, Severity::critical);
}

TEST(LineCutter, CutsALineWithoutEnd)
{
    LineCutter cutter;
    const auto lines = cutter.take(std::string(5000, 'x'));
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text.size(), 4096u);
    const auto rest = cutter.take("\n");
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].text.size(), 904u);
}

} // namespace
} // namespace still::monitor
