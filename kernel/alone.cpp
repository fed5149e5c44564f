// SPDX-License-Identifier: BSD-2-Clause
#include <alone.hpp>
#include <arch/hardware.hpp>
#include <arch/layout.hpp>
#include <array>
#include <base/boot_line.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <debug/test.hpp>
#include <sched/scheduler.hpp>
#include <services/server.hpp>

namespace still {

namespace {

constexpr u8 code_good = 0x10, code_bad = 0x11; // of isa-debug-exit
constexpr usize most_words = 128;

[[noreturn]] void end_with(u32 status)
{
    arch::power_off(status, status == 0 ? code_good : code_bad);
}

// The initial task's arguments and environment, as C has them. They live as long as the kernel.
class Strings {
  public:
    // A word of the command line; its end is written behind it. false: there is no more room.
    bool add(std::string_view before, std::string_view word)
    {
        if (count_ + 1 >= list_.size() || before.size() + word.size() + 1 > text_.size() - used_)
            return false;
        list_[count_++] = text_.data() + used_;
        for (const char c : before)
            text_[used_++] = c;
        used_ += unquote(word, {text_.data() + used_, word.size()});
        text_[used_++] = '\0';
        list_[count_] = nullptr;
        return true;
    }
    [[nodiscard]] const char* const* list() const { return list_.data(); }
    [[nodiscard]] usize count() const { return count_; }

  private:
    std::array<const char*, most_words> list_{};
    std::array<char, 2048> text_{};
    usize count_ = 0;
    usize used_ = 0;
};

Strings arguments;
Strings environment;
const still_boot_block* the_block = nullptr;

// As a shell tells it.
u32 to_status(u32 wait_status)
{
    const u32 signo = wait_status & 0x7f;
    return signo != 0 ? 128 + signo : wait_status >> 8;
}

// The initial task, from its start to its end, which is the machine's.
void run_initial_task(void*)
{
    const still_boot_block& block = *the_block;
    const auto* archive = arch::direct<u8>(PhysAddr(block.initramfs_phys));
    const char* wrong = services::start(archive, block.initramfs_size, block.random_seed);
    if (wrong != nullptr)
        panic("{}", wrong);
    const char* path = arguments.list()[0];
    if (const Status started = services::start_initial_task(path, arguments.list(), environment.list());
        !started) {
        log("the initial task {} can't be started: error {}", path, static_cast<u32>(started.error()));
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
    usize at = 0;
    for (std::string_view word = BootLine::next_word(line.init(), at); !word.empty();
         word = BootLine::next_word(line.init(), at))
        arguments.add({}, word);
    if (arguments.count() == 0)
        arguments.add({}, "/init");
    for (const std::string_view word :
         {"HOME=/", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM=vt100"})
        environment.add({}, word);
    the_block = &block;
    Thread* t = make_kernel_thread(cpu(CpuId(0)), "initial", run_initial_task, nullptr);
    if (t == nullptr)
        panic("no memory for a thread");
    unpark(*t);
    idle_loop();
}

} // namespace still
