// SPDX-License-Identifier: BSD-2-Clause
// The list of system calls against Linux's own header.
#include <asm/unistd_64.h>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

struct Row {
    int nr;
    std::string name;
    std::string kind;
    std::string reason;
};

const Row rows[] = {
#define STILL_LOCAL(nr, name) {nr, #name, "local", ""},
#define STILL_FORWARD(nr, name) {nr, #name, "forward", ""},
#define STILL_OFFLOAD(nr, name) {nr, #name, "offload", ""},
#define STILL_UNSUPPORTED(nr, name, reason) {nr, #name, "unsupported", reason},
#include <stillcore/syscalls.def>
};

} // namespace

TEST(Syscalls, HaveARowForEachNumberOfLinux)
{
    std::map<int, std::string> linux_table;
    std::ifstream header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
    ASSERT_TRUE(header);
    const std::regex define(R"(#define __NR_(\w+) (\d+))");
    for (std::string line; std::getline(header, line);)
        if (std::smatch m; std::regex_match(line, m, define))
            linux_table[std::stoi(m[2])] = m[1];
    ASSERT_GT(linux_table.size(), 350u);
    std::map<int, std::string> ours;
    for (const Row& r : rows) {
        EXPECT_TRUE(ours.emplace(r.nr, r.name).second) << r.nr << " has two rows";
    }
    for (const auto& [nr, name] : linux_table)
        EXPECT_EQ(ours[nr], name) << nr;
}

TEST(Syscalls, GiveAReasonForWhatIsNotThere)
{
    for (const Row& r : rows)
        if (r.kind == "unsupported") {
            EXPECT_GT(r.reason.size(), 10u) << r.name;
        }
}

TEST(Syscalls, NeverOffloadWhatActsOnTheCaller)
{
    const std::set<std::string> acts_on_caller = {"mmap",
                                                  "munmap",
                                                  "mprotect",
                                                  "mremap",
                                                  "brk",
                                                  "madvise",
                                                  "clone",
                                                  "clone3",
                                                  "fork",
                                                  "vfork",
                                                  "execve",
                                                  "execveat",
                                                  "exit",
                                                  "exit_group",
                                                  "rt_sigaction",
                                                  "rt_sigprocmask",
                                                  "rt_sigreturn",
                                                  "sigaltstack",
                                                  "rt_sigsuspend",
                                                  "rt_sigtimedwait",
                                                  "set_tid_address",
                                                  "set_robust_list",
                                                  "futex",
                                                  "rseq",
                                                  "membarrier",
                                                  "arch_prctl",
                                                  "sched_setaffinity",
                                                  "sched_yield",
                                                  "seccomp",
                                                  "ptrace",
                                                  "userfaultfd",
                                                  "shmat",
                                                  "io_setup",
                                                  "pkey_mprotect",
                                                  "modify_ldt",
                                                  "set_thread_area",
                                                  "unshare",
                                                  "setns"};
    std::set<std::string> seen;
    for (const Row& r : rows) {
        if (acts_on_caller.contains(r.name)) {
            seen.insert(r.name);
            EXPECT_NE(r.kind, "offload") << r.name;
        }
    }
    EXPECT_EQ(seen.size(), acts_on_caller.size());
}
