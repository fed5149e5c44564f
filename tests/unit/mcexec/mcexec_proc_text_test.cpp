// SPDX-License-Identifier: BSD-2-Clause
// Against lines that Linux 6.1 printed.
#include "proc_masks.hpp"
#include "proc_text.hpp"

#include <gtest/gtest.h>

using namespace still::mcexec;

namespace {

NamedArea area(uint64_t start, uint64_t end, uint32_t prot, uint16_t kind, const char* name = "")
{
    NamedArea named{};
    named.area.start = start;
    named.area.end = end;
    named.area.prot = prot;
    named.area.kind = kind;
    named.name = name;
    return named;
}

constexpr const char* linux_stat = "119 (a) b) S 109 109 109 0 -1 4194304 105 0 0 0 5 6 0 0 20 0 9 0 920 "
                                   "3125248 233 18446744073709551615 1 2 3 0 0 "
                                   "0 0 0 0 0 0 0 17 1 0 0 0 0 0 10 11 12 13 14 15 16 0\n";

} // namespace

TEST(ProcText, MapsAsLinuxPrintsThem)
{
    still_report_process p{};
    p.brk_start = 0x55a4d3000000;
    p.brk_end = 0x55a4d3021000;
    NamedArea file = area(0x400000, 0x41f000, 1, STILL_AREA_FILE, "/usr/bin/python3.11");
    file.major = 0xfd;
    file.minor = 1;
    file.inode = 495943;
    NamedArea stack = area(0x7ffd2000, 0x7ffd3000, 3, STILL_AREA_ANONYMOUS);
    stack.area.flags = STILL_AREA_STACK;
    EXPECT_EQ(
        maps_text({file, area(0x55a4d3000000, 0x55a4d3021000, 3, STILL_AREA_ANONYMOUS), stack,
                   area(0x7ffd4000, 0x7ffd5000, 0, STILL_AREA_ANONYMOUS)},
                  p,
                  "1000-2000 r--p 00000000 00:00 0 \n"
                  "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"),
        "00400000-0041f000 r--p 00000000 fd:01 495943                             /usr/bin/python3.11\n"
        "55a4d3000000-55a4d3021000 rw-p 00000000 00:00 0                          [heap]\n"
        "7ffd2000-7ffd3000 rw-p 00000000 00:00 0                                  [stack]\n"
        "7ffd4000-7ffd5000 ---p 00000000 00:00 0 \n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
}

TEST(ProcText, AreasWhoseHomeIsLinuxAreLinuxsOwnLines)
{
    EXPECT_EQ(maps_text({area(0x10000, 0x30000, 3, STILL_AREA_LINUX)}, {},
                        "00010000-00020000 rw-s 00000000 00:01 7    /dev/shm/a\n"
                        "00030000-00040000 rw-s 00000000 00:01 7    /dev/ihk0\n"),
              "00010000-00020000 rw-s 00000000 00:01 7    /dev/shm/a\n");
}

TEST(ProcText, OddNamesAreEscaped)
{
    const std::string text = maps_text({area(0x1000, 0x2000, 1, STILL_AREA_FILE, "/a\nb\\c")}, {}, "");
    EXPECT_TRUE(text.ends_with(" /a\\012b\\134c\n")) << text;
}

TEST(ProcText, SmapsAddUp)
{
    NamedArea one = area(0x1000, 0x3000, 3, STILL_AREA_ANONYMOUS);
    one.area.resident_bytes = 0x2000;
    NamedArea two = area(0x4000, 0x8000, 5, STILL_AREA_FILE, "/x");
    two.area.resident_bytes = 0x1000;
    const std::string text = smaps_text({one, two}, {}, "");
    EXPECT_NE(text.find("Size:                  8 kB\n"), std::string::npos) << text;
    EXPECT_NE(text.find("Private_Clean:         4 kB\n"), std::string::npos) << text;
    EXPECT_NE(text.find("VmFlags: rd ex mr mw me ac\n"), std::string::npos) << text;
    const std::string sum = smaps_rollup_text({one, two});
    EXPECT_TRUE(
        sum.starts_with("00001000-00008000 ---p 00000000 00:00 0                                  [rollup]\n"
                        "Rss:                  12 kB\n"))
        << sum;
}

TEST(ProcText, StatusKeepsWhatLinuxKnows)
{
    still_report_process p{};
    p.virtual_bytes = 4096 << 10;
    p.num_threads = 7;
    p.caught_signals = 0x4002;
    still_report_thread t{};
    t.state = STILL_THREAD_WAITING;
    t.affinity[0] = 0b1101;
    EXPECT_EQ(status_text("Name:\tx\nState:\tS (sleeping)\nVmSize:\t      12 kB\nThreads:\t1\nSigCgt:\t00\n"
                          "Cpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed_list:\t0\n",
                          {p, t, true, true, 4, 2}),
              "Name:\tx\nState:\tR (running)\nVmSize:\t    4096 kB\nThreads:\t7\nSigCgt:\t0000000000004002\n"
              "Cpus_allowed:\td\nCpus_allowed_list:\t0,2-3\nMems_allowed_list:\t0-1\n");
}

TEST(ProcText, StatusOfAMemberHasItsRank)
{
    still_report_process p{};
    p.peers_shift = 39;
    p.peers_rank = 254;
    p.peers_size = 255;
    EXPECT_EQ(status_text("Name:\tx\n", {p, {}, true, true, 4, 2}),
              "Name:\tx\nSmartmapRank:\t254\nSmartmapSize:\t255\nSmartmapShift:\t39\n");
}

TEST(ProcText, StatCountsFieldsBehindTheName)
{
    still_report_process p{};
    p.num_threads = 2;
    p.virtual_bytes = 8192;
    p.resident_bytes = 4096;
    p.cpu_ns = 1'230'000'000;
    still_report_thread t{};
    t.cpu = 5;
    EXPECT_EQ(stat_text(linux_stat, {p, t, true, false, 8, 1}),
              "119 (a) b) R 109 109 109 0 -1 4194304 0 0 0 0 123 6 0 0 20 0 2 0 920 8192 1 "
              "18446744073709551615 1 2 3 "
              "0 0 0 0 0 0 0 0 0 17 5 0 0 0 0 0 10 11 0 13 14 15 16 0\n");
    EXPECT_EQ(stat_text("nonsense", {p, t, true, false, 8, 1}), "nonsense");
}

TEST(ProcText, Limits)
{
    still_report_process p{};
    p.limit_stack = {8 << 20, ~0ull};
    EXPECT_EQ(limits_text("Max stack size            1                    2                    bytes     \n"
                          "Max open files            1024                 4096                 files     \n",
                          p),
              "Max stack size            8388608              unlimited            bytes     \n"
              "Max open files            1024                 4096                 files     \n");
}

TEST(ProcText, Machine)
{
    EXPECT_EQ(machine_stat_text("cpu  1 2 3\ncpu0 1 2 3\nintr 5\nbtime 7\n", {{1000, 50}, {20, 30}}),
              "cpu  102 0 0 8 0 0 0 0 0 0\ncpu0 100 0 0 5 0 0 0 0 0 0\ncpu1 2 0 0 3 0 0 0 0 0 0\nintr "
              "5\nbtime 7\n");
    EXPECT_EQ(
        meminfo_text("MemTotal:        4008656 kB\nCached:           123456 kB\nHugePages_Total:       0\n",
                     917504 << 10, 1 << 20),
        "MemTotal:         917504 kB\nCached:                0 kB\nHugePages_Total:       0\n");
    EXPECT_TRUE(
        node_meminfo_text(1, 4008656ull << 10, 0).starts_with("Node 1 MemTotal:        4008656 kB\n"));
}

TEST(ProcText, Masks)
{
    EXPECT_EQ(mask_text({0xf}, 4), "f");
    EXPECT_EQ(mask_text({0x1}, 6), "01");
    EXPECT_EQ(mask_text({0x80000000f0000001}, 64), "80000000,f0000001");
    EXPECT_EQ(mask_text({0, 1}, 65), "1,00000000,00000000");
    EXPECT_EQ(list_text({0b10111}, 5), "0-2,4");
    EXPECT_EQ(list_text({0}, 5), "");
    EXPECT_EQ(list_text({1ull << 63, 1}, 128), "63-64");
}
