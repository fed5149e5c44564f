// SPDX-License-Identifier: BSD-2-Clause
#include "core.hpp"

#include "elf_image.hpp"
#include "pose.hpp"
#include "process.hpp"
#include "signal_relay.hpp"
#include "user_memory.hpp"

#include <stillcore/report.h>

#include <algorithm>
#include <fstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace still::mcexec {

namespace {

// Linux asks for every page of what it dumps: of sparse areas that would take for ever.
constexpr uint64_t largest_hole = 1ull << 30;
// Bits of /proc/PID/coredump_filter (core(5)): shared mappings, of files and without. Nothing of mcexec's own.
constexpr const char* only_the_program = "0xa";
constexpr uint64_t info_offset = 312; // of siginfo_t in the frame

std::vector<still_report_area> areas_of_the_program()
{
    std::vector<still_report_area> areas;
    std::vector<still_report_area> piece(STILL_REPORT_BYTES / sizeof(still_report_area));
    still_report request{};
    request.kind = STILL_REPORT_SIZES;
    do {
        request.buffer = reinterpret_cast<uint64_t>(piece.data()); // SAFETY: an address for the module
        request.bytes = piece.size() * sizeof(still_report_area);
        if (process.device.report(request) < 0) {
            return {};
        }
        const size_t count = request.bytes / sizeof(still_report_area);
        areas.insert(areas.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(count));
    } while (request.cursor != 0);
    return areas;
}

// What of the area belongs into the core. Code is in the program's files; their other read-only pages may have been
// written before they became that (relocations).
still_range part_to_dump(const still_report_area& area)
{
    const bool writable = (area.prot & PROT_WRITE) != 0;
    const bool sparse = area.end - area.start - area.resident_bytes > largest_hole;
    if (area.kind == STILL_AREA_LINUX || area.kind == STILL_AREA_VDSO) {
        return {area.start, area.end};
    }
    if (area.kind == STILL_AREA_DATA || area.resident_bytes == 0 || sparse) {
        return {area.start, area.start};
    }
    if (area.kind == STILL_AREA_FILE && !writable && (area.prot & PROT_EXEC) != 0) {
        return {area.start, area.file_offset == 0 ? area.start + page_size : area.start};
    }
    return {area.start, area.end};
}

// SAFETY: addresses of the program, which does not run any more.
void unmap(uint64_t start, uint64_t end)
{
    if (start < end) {
        munmap(reinterpret_cast<void*>(start), end - start);
    }
}

void keep_only_the_program(const std::vector<still_report_area>& areas)
{
    for (const still_range& range : process.app) {
        uint64_t done = range.start;
        for (const still_report_area& area : areas) {
            const still_range part = part_to_dump(area);
            if (part.start < done || part.end > range.end || part.start == part.end) {
                continue;
            }
            unmap(done, part.start);
            if ((area.prot & PROT_WRITE) == 0 && area.kind != STILL_AREA_LINUX) {
                mprotect(reinterpret_cast<void*>(part.start), part.end - part.start, PROT_READ);
            }
            done = part.end;
        }
        unmap(done, range.end);
    }
}

// rt_sigreturn from the program's frame: all registers become its own; on the way to them Linux takes the signal.
[[noreturn]] void become_the_program(uint64_t frame, uint64_t fs_base)
{
    constexpr long arch_set_fs = 0x1002;
    // SAFETY: nothing of C++ runs behind this.
    asm volatile("mov %[set_fs], %%rdi\n"
                 "mov %[fs], %%rsi\n"
                 "mov %[arch_prctl], %%eax\n"
                 "syscall\n"
                 "mov %[frame], %%rsp\n"
                 "mov %[sigreturn], %%eax\n"
                 "syscall\n"
                 "ud2\n"
                 :
                 : [set_fs] "i"(arch_set_fs), [fs] "b"(fs_base), [frame] "r"(frame + sizeof(uint64_t)),
                   [arch_prctl] "i"(SYS_arch_prctl), [sigreturn] "i"(SYS_rt_sigreturn)
                 : "rdi", "rsi", "rax", "rcx", "r11", "memory");
    __builtin_unreachable();
}

} // namespace

bool wants_core()
{
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    char first = 0;
    std::ifstream("/proc/sys/kernel/core_pattern").get(first);
    return limit.rlim_cur != 0 || first == '|';
}

void die_with_core(int signo, uint64_t frame, uint64_t fs_base)
{
    siginfo_t info{};
    if (frame == 0 || !read_program(frame + info_offset, &info, sizeof info)) {
        return;
    }
    block_signals();
    std::ofstream("/proc/self/coredump_filter") << only_the_program;
    const auto areas = areas_of_the_program();
    // From here on nothing may need a lock that another thread may have: no malloc.
    have_all_others_pose();
    keep_only_the_program(areas);
    take_default_action(signo);
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), signo, &info) == 0) {
        become_the_program(frame, fs_base);
    }
}

} // namespace still::mcexec
