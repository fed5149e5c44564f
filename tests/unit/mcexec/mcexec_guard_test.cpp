// SPDX-License-Identifier: BSD-2-Clause
#include "fd_guard.hpp"
#include "stats.hpp"

#include "ihk/call_name.hpp"

#include <gtest/gtest.h>
#include <stillcore/slot.h>
#include <sys/syscall.h>

using namespace still::mcexec;

namespace {
FdAction guard(uint32_t nr, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0)
{
    const uint64_t arg[6] = {a, b, c};
    return guard_descriptor(nr, arg, 1023);
}
} // namespace

TEST(FdGuard, HidesTheDevice)
{
    EXPECT_EQ(guard(SYS_read, 0), FdAction::execute);
    EXPECT_EQ(guard(SYS_read, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_close, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_close, 0xdead00000000 | 1023), FdAction::bad); // the kernel looks at 32 bits
    EXPECT_EQ(guard(SYS_fcntl, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_sendfile, 1, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_splice, 1, 1023, 2), FdAction::execute);
    EXPECT_EQ(guard(SYS_splice, 1, 0, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_dup2, 1023, 5), FdAction::bad);
    EXPECT_EQ(guard(SYS_dup2, 5, 1023), FdAction::move_away);
    EXPECT_EQ(guard(SYS_dup3, 5, 1023), FdAction::move_away);
    EXPECT_EQ(guard(SYS_dup2, 1023, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_close_range, 3, ~0u), FdAction::split_range);
    EXPECT_EQ(guard(SYS_close_range, 3, 1022), FdAction::execute);
    EXPECT_EQ(guard(SYS_close_range, 1024, ~0u), FdAction::execute);
    EXPECT_EQ(guard(STILL_CALL_MAP_FILE, 1023), FdAction::bad);
    EXPECT_EQ(guard(SYS_getpid, 1023), FdAction::execute);
}

TEST(FdGuard, KnowsTheCallsThatNeedNoMore)
{
    EXPECT_EQ(quick_calls[SYS_write], QuickCall::bytes);
    EXPECT_EQ(quick_calls[SYS_getppid], QuickCall::yes);
    EXPECT_EQ(quick_calls[SYS_splice], QuickCall::no);
    for (const auto nr : {SYS_dup2, SYS_dup3, SYS_close_range, SYS_getdents64, SYS_openat, SYS_readlink,
                          SYS_mmap, SYS_ioctl, SYS_io_uring_register}) {
        EXPECT_EQ(quick_calls[static_cast<uint32_t>(nr)], QuickCall::no) << nr;
    }
    for (uint32_t nr = 0; nr < num_linux_calls; ++nr) {
        if (quick_calls[nr] == QuickCall::yes) {
            EXPECT_EQ(guard(nr, 1023, 1023, 1023), FdAction::execute) << nr;
        }
    }
}

TEST(Stats, PrintsATable)
{
    auto stats = std::make_unique<Stats>();
    stats->count(SYS_read, 1000, 5);
    stats->count(SYS_read, 3000, -11);
    stats->count(STILL_CALL_CLONE, 10, 1);
    stats->count(4'000'000, 10, 1);
    const std::string text = stats->table(1'000'000);
    EXPECT_NE(text.find("         2         1 read"), std::string::npos) << text;
    EXPECT_NE(text.find("[new thread]"), std::string::npos) << text;
    EXPECT_NE(text.find("total"), std::string::npos) << text;
    EXPECT_EQ(still::ihk::call_name(SYS_openat), "openat");
}
