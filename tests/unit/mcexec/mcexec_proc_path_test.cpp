// SPDX-License-Identifier: BSD-2-Clause
#include "proc_path.hpp"

#include <gtest/gtest.h>

#include <cstring>

using namespace still::mcexec;

namespace {

bool first_look(const char* path)
{
    char head[8] = {};
    memcpy(head, path, strnlen(path, sizeof head));
    return may_be_special(head);
}

ProcPath found(ProcFile file, uint32_t pid = 0, uint32_t tid = 0, uint32_t number = 0)
{
    return {file, pid, tid, number, ""};
}

} // namespace

TEST(ProcPath, OrdinaryFilesAreOutAtOnce)
{
    for (const char* path :
         {"/usr/lib/x.so", "/home/a", "/", "/p", "/etc/passwd", "/dev/null", "", "a/b", "/srv"}) {
        EXPECT_FALSE(first_look(path)) << path;
    }
    for (const char* path :
         {"/proc/self/maps", "/proc", "//proc/stat", "/./proc/stat", "/sys/devices", "/dev/fd/3"}) {
        EXPECT_TRUE(first_look(path)) << path;
    }
}

TEST(ProcPath, FilesOfAProcess)
{
    EXPECT_EQ(recognise("/proc/self/maps"), found(ProcFile::maps));
    EXPECT_EQ(recognise("//proc/./self//maps"), found(ProcFile::maps));
    EXPECT_EQ(recognise("/usr/../proc/self/maps"), found(ProcFile::maps));
    EXPECT_EQ(recognise("/proc/12/stat"), found(ProcFile::stat, 12));
    EXPECT_EQ(recognise("/proc/self/task/13/status"), found(ProcFile::status, 0, 13));
    EXPECT_EQ(recognise("/proc/12/task/13/stat"), found(ProcFile::stat, 12, 13));
    EXPECT_EQ(recognise("/proc/thread-self/stat"), found(ProcFile::stat, 0, any_thread));
    EXPECT_EQ(recognise("/proc/self/fd/1024"), found(ProcFile::descriptor, 0, 0, 1024));
    EXPECT_EQ(recognise("/dev/fd/7"), found(ProcFile::descriptor, 0, 0, 7));
    for (const char* path :
         {"/proc/self", "/proc/self/", "/proc/self/exe", "/proc/self/mem", "/proc/0/maps",
          "/proc/99999999999/maps", "/proc/self/maps/x", "/proc/self/net/stat", "/proc/x/maps",
          "/proc/self/task/maps", "/proc/self/fd/x", "/proc/self/fd", "/procself/maps", "/proc"}) {
        EXPECT_EQ(recognise(path), ProcPath{}) << path;
    }
}

TEST(ProcPath, FilesOfTheMachine)
{
    EXPECT_EQ(recognise("/proc/cpuinfo"), found(ProcFile::cpuinfo));
    EXPECT_EQ(recognise("/proc/meminfo"), found(ProcFile::meminfo));
    EXPECT_EQ(recognise("/proc/stat"), found(ProcFile::machine_stat));
    EXPECT_EQ(recognise("/proc/loadavg"), ProcPath{});
    const ProcPath online = recognise("/sys/devices/system/cpu/online");
    EXPECT_EQ(online.file, ProcFile::tree);
    EXPECT_EQ(online.rest, "devices/system/cpu/online");
    EXPECT_EQ(recognise("/sys/devices/system/node").rest, "devices/system/node");
    EXPECT_EQ(recognise("/sys/bus/cpu/devices/cpu0").rest, "bus/cpu/devices/cpu0");
    const ProcPath meminfo = recognise("/sys/devices/system/node/node3/meminfo");
    EXPECT_EQ(meminfo.file, ProcFile::node_meminfo);
    EXPECT_EQ(meminfo.number, 3u);
    EXPECT_EQ(recognise("/sys/devices/system/cpufreq"), ProcPath{});
    EXPECT_EQ(recognise("/sys/devices/system"), ProcPath{});
    EXPECT_EQ(recognise("/sys/devices/system/cpu/../memory"), ProcPath{});
}

TEST(ProcPath, RelativeNames)
{
    for (const char* path :
         {"proc/self/maps", "self/maps", "maps", "./status", "12/stat", "sys/devices/system/cpu", "cpu",
          "../self/maps", "stat", "system/node", "task/3/stat"}) {
        EXPECT_TRUE(may_be_special_below(path)) << path;
    }
    for (const char* path :
         {"", "src/main.c", "Makefile", "12a", "12a/stat", "mapsx", "a/maps", ".git/config"}) {
        EXPECT_FALSE(may_be_special_below(path)) << path;
    }
}
