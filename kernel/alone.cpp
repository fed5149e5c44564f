// SPDX-License-Identifier: BSD-2-Clause
#include <alone.hpp>
#include <arch/hardware.hpp>
#include <arch/layout.hpp>
#include <base/boot_line.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <debug/test.hpp>
#include <sched/scheduler.hpp>
#include <services/server.hpp>

namespace still {

namespace {

constexpr u8 code_good = 0x10, code_bad = 0x11; // of isa-debug-exit

[[noreturn]] void end_with(u32 status)
{
    arch::power_off(status, status == 0 ? code_good : code_bad);
}

// What is behind "--", as the strings that a program gets.
class InitLine {
  public:
    explicit InitLine(std::string_view line)
    {
        usize at = 0;
        usize used = 0;
        for (std::string_view word = BootLine::next_word(line, at); !word.empty() && count_ < most;
             word = BootLine::next_word(line, at)) {
            words_[count_++] = text_ + used;
            __builtin_memcpy(text_ + used, word.data(), word.size());
            used += word.size() + 1;
        }
        if (count_ == 0)
            words_[count_++] = "/init";
    }
    [[nodiscard]] const char* const* words() const { return words_; }

  private:
    static constexpr u32 most = 63;
    char text_[sizeof(still_boot_block::cmdline)] = {};
    const char* words_[most + 1] = {};
    u32 count_ = 0;
};

// As a shell tells it.
u32 to_status(u32 wait_status)
{
    const u32 signo = wait_status & 0x7f;
    return signo != 0 ? 128 + signo : wait_status >> 8;
}

const still_boot_block* the_block = nullptr;

// The initial task, from its start to its end, which is the machine's.
void run_initial_task(void*)
{
    static constexpr const char* environment[] = {
        "HOME=/", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM=vt100", nullptr};
    const still_boot_block& block = *the_block;
    const InitLine line(BootLine(block.cmdline).init());
    const auto* archive = arch::direct<u8>(PhysAddr(block.initramfs_phys));
    const char* wrong = services::start(archive, block.initramfs_size, block.random_seed);
    if (wrong != nullptr)
        panic("{}", wrong);
    const char* const* words = line.words();
    if (const Status started = services::start_initial_task(words[0], words, environment); !started) {
        log("the initial task {} can't be started: error {}", words[0], static_cast<u32>(started.error()));
        end_with(started.error() == Errno::noent ? 127 : 126);
    }
    const u32 status = services::wait_for_initial_task();
    if ((status & 0x7f) != 0)
        log("the initial task was ended by signal {}", status & 0x7f);
    end_with(to_status(status));
}

} // namespace

void run_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    if (line.has("tests"))
        end_with(run_kernel_tests() ? 0 : 1);
    the_block = &block;
    Thread* t = make_kernel_thread(cpu(CpuId(0)), "initial", run_initial_task, nullptr);
    if (t == nullptr)
        panic("no memory for a thread");
    unpark(*t);
    idle_loop();
}

} // namespace still
