// SPDX-License-Identifier: BSD-2-Clause
#include "pose.hpp"

#include "process.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

constexpr long pause_ns = 500'000;
constexpr unsigned patience = 4000; // pauses without progress

std::atomic<bool> wanted{false};
std::atomic<unsigned> next_place{0};
uint8_t told[STILL_MAX_SLOTS]; // 1: a thread poses

void rest()
{
    const timespec time{0, pause_ns};
    nanosleep(&time, nullptr);
}

[[noreturn]] void stay()
{
    for (;;) {
        pause();
    }
}

unsigned how_many_pose()
{
    unsigned count = 0;
    for (const uint8_t& place : told) {
        count += __atomic_load_n(&place, __ATOMIC_ACQUIRE);
    }
    return count;
}

// Interrupts all threads but the caller. How many there are. Without malloc, whose locks they may have.
unsigned interrupt_others()
{
    const int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return 0;
    }
    unsigned count = 0;
    const pid_t own = gettid();
    static char room[32768];
    for (;;) {
        const long bytes = syscall(SYS_getdents64, folder, room, sizeof room);
        if (bytes <= 0) {
            break;
        }
        for (long at = 0; at < bytes;) {
            // SAFETY: Linux's records, whose layout glibc shares.
            const auto* entry = reinterpret_cast<const dirent64*>(room + at);
            at += entry->d_reclen;
            const auto tid = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10));
            if (tid > 0 && tid != own) {
                ++count;
                syscall(SYS_tgkill, getpid(), tid, STILL_INTERRUPT_SIGNAL);
            }
        }
    }
    close(folder);
    return count;
}

// The thread's registers on the LWK, once it has come to rest there.
bool ask_registers(still_report_registers& registers)
{
    still_report request{};
    int result = -EAGAIN;
    while (result == -EAGAIN) {
        request.kind = STILL_REPORT_REGISTERS;
        request.cursor = static_cast<uint32_t>(gettid());
        request.buffer = reinterpret_cast<uint64_t>(&registers); // SAFETY: an address for the module
        request.bytes = sizeof registers;
        result = process.device.report(request);
        if (result == -EAGAIN) {
            rest();
        }
    }
    return result >= 0;
}

} // namespace

void have_all_others_pose()
{
    wanted.store(true);
    unsigned others = interrupt_others();
    unsigned posing = 0;
    for (unsigned tries = 1; posing < others && tries < patience; ++tries) {
        rest();
        const unsigned now = how_many_pose();
        tries = now == posing ? tries : 0;
        posing = now;
        // A signal may have met a system call that was about to begin; and threads come and go.
        if (tries % 16 == 15) {
            others = interrupt_others();
        }
    }
}

bool core_is_wanted()
{
    return wanted.load(std::memory_order_relaxed);
}

void pose()
{
    alignas(64) still_report_registers registers;
    const unsigned place = next_place.fetch_add(1);
    if (place >= STILL_MAX_SLOTS) {
        stay();
    }
    if (!ask_registers(registers)) {
        __atomic_store_n(&told[place], 1, __ATOMIC_RELEASE);
        stay();
    }
    still_pose request{registers.regs,
                       reinterpret_cast<uint64_t>(&told[place])}; // SAFETY: an address for the module
    constexpr long arch_set_gs = 0x1001, arch_set_fs = 0x1002;
    constexpr uint32_t all_but_pkru = ~(1u << 9); // the program's keys may forbid it mcexec's own memory
    // SAFETY: nothing of C++ runs behind this. The area is what the LWK's XSAVE wrote.
    asm volatile(
        "syscall\n"
        "mov %[set_gs], %%rdi\n"
        "mov %[gs], %%rsi\n"
        "mov %[arch_prctl], %%eax\n"
        "syscall\n"
        "mov %[all_but_pkru], %%eax\n"
        "mov $-1, %%edx\n"
        "xrstor64 (%[area])\n"
        "mov %[fd], %%edi\n"
        "mov %[command], %%esi\n"
        "mov %[request], %%rdx\n"
        "mov %[ioctl], %%eax\n"
        "syscall\n"
        "1: mov %[pause], %%eax\n"
        "syscall\n"
        "jmp 1b\n"
        :
        : "a"(SYS_arch_prctl), "D"(arch_set_fs),
          "S"(registers.regs.fs_base), [gs] "b"(registers.regs.gs_base), [area] "r"(registers.xsave),
          [request] "r"(&request), [fd] "r"(process.device.descriptor().get()), [set_gs] "i"(arch_set_gs),
          [arch_prctl] "i"(SYS_arch_prctl), [all_but_pkru] "i"(all_but_pkru), [command] "i"(STILL_IOC_POSE),
          [ioctl] "i"(SYS_ioctl), [pause] "i"(SYS_pause)
        : "rdx", "rcx", "r11", "memory");
    __builtin_unreachable();
}

} // namespace still::mcexec
