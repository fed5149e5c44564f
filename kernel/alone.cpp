// SPDX-License-Identifier: BSD-2-Clause
#include <alone.hpp>
#include <arch/cpu.hpp>
#include <arch/hardware.hpp>
#include <arch/layout.hpp>
#include <arch/screen.hpp>
#include <arch/user_copy.hpp>
#include <array>
#include <base/boot_line.hpp>
#include <base/config.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <debug/test.hpp>
#include <exec/process.hpp>
#include <sched/scheduler.hpp>
#include <services/server.hpp>
#include <services/tty.hpp>

// The archive in the image (kernel/archive.S).
extern "C" const char still_archive_start[], still_archive_end[];

namespace still {

namespace {

constexpr std::string_view default_end()
{
    return STILL_CONFIG_END_RESTART  ? "restart"
           : STILL_CONFIG_END_REBOOT ? "reboot"
           : STILL_CONFIG_END_HALT   ? "halt"
                                     : "off";
}

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
bool quiet = false;

// For the user's eyes, also where the log is kept off the console.
template <class... Args> void tell(std::string_view pattern, const Args&... args)
{
    char room[256];
    TextBuffer line(room);
    format_to(line, pattern, args...);
    log_line(line.view());
    if (!quiet)
        return;
    ConsoleTurn().write_line("Stillcore: ", line.view());
}

// As a shell tells it.
u32 to_status(u32 wait_status)
{
    const u32 signo = wait_status & 0x7f;
    return signo != 0 ? 128 + signo : wait_status >> 8;
}

// Starts it and waits for its end.
u32 run_once()
{
    const char* path = arguments.list()[0];
    if (const Status started = services::start_initial_task(path, arguments.list(), environment.list());
        !started) {
        tell("the initial task {} can't be started: error {}", path, static_cast<u32>(started.error()));
        return started.error() == Errno::noent ? 127 : 126;
    }
    const u32 status = services::wait_for_initial_task();
    if ((status & 0x7f) != 0)
        tell("the initial task was ended by signal {}", status & 0x7f);
    else
        log("the initial task ended with status {}", status >> 8);
    return to_status(status);
}

// The initial task, from its start to its end, which is the machine's, unless it is to run again.
void run_initial_task(void*)
{
    const still_boot_block& block = *the_block;
    const auto* archive = reinterpret_cast<const u8*>(still_archive_start);
    u64 bytes = static_cast<u64>(still_archive_end - still_archive_start);
    if (block.initramfs_size != 0) {
        archive = arch::direct<u8>(PhysAddr(block.initramfs_phys));
        bytes = block.initramfs_size;
    }
    const char* wrong = services::start(archive, bytes, block.random_seed);
    if (wrong != nullptr)
        panic("{}", wrong);
    if (BootLine(block.cmdline).value("input") == "piped")
        tty::take_from_pipe();
    const std::string_view end = BootLine(block.cmdline).value("end", default_end());
    u32 status = run_once();
    while (end == "restart") {
        tell("the initial task starts again");
        status = run_once();
    }
    if (end == "reboot")
        arch::restart(status);
    if (end == "halt") {
        tell("halted");
        arch::halt_forever();
    }
    end_with(status);
}

void collect_environment(const BootLine& line)
{
    constexpr std::string_view usual[][2] = {
        {"HOME", "/root"},
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"TERM", "linux"}};
    char room[64];
    line.for_each("env.", [&](std::string_view name, std::string_view value) {
        TextBuffer before(room);
        before.put(name);
        before.put('=');
        environment.add(before.view(), value);
    });
    for (const auto& [name, value] : usual) {
        bool given = false;
        line.for_each("env.",
                      [&](std::string_view other, std::string_view) { given = given || other == name; });
        TextBuffer before(room);
        before.put(name);
        before.put('=');
        if (!given)
            environment.add(before.view(), value);
    }
}

} // namespace

void begin_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    init_log(nullptr, block.tsc_khz);
    quiet = (config::quiet || line.has("quiet")) && !line.has("verbose");
    set_log_quiet(quiet);
}

void show_alone(const still_boot_block& block)
{
    const std::string_view wanted = BootLine(block.cmdline).value("screen", config::screen ? "on" : "off");
    if (wanted != "off")
        arch::init_screen();
}

void tell_fault(const Task& task, const arch::TrapFrame& frame, u32 signo)
{
    if (the_block == nullptr || task.owner->pid != 1)
        return;
    show_log();
    quiet = false;
    log("the initial task (tid {}) has a fault: signal {}", task.tid, signo);
    show_registers(frame);
    log("backtrace:");
    u64 rbp = frame.rbp;
    log("  {:x}", frame.rip);
    for (u32 depth = 0; depth < 16; ++depth) {
        u64 link[2]; // of code that keeps frame pointers
        if ((rbp & 7) != 0 || rbp >= arch::user_limit - sizeof(link) ||
            arch::still_user_copy_in(link, rbp, sizeof(link)) != 0 || link[1] == 0)
            break;
        log("  {:x}", link[1]);
        if (link[0] <= rbp)
            break;
        rbp = link[0];
    }
}

void run_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    // A thread, since the idle one can't sleep: a timer would put it among those that are ready while it runs.
    if (line.has("tests")) {
        Thread* tests = make_kernel_thread(
            cpu(CpuId(0)), "tests", [](void*) { end_with(run_kernel_tests() ? 0 : 1); }, nullptr);
        if (tests == nullptr)
            panic("no memory for a thread");
        unpark(*tests);
        idle_loop();
    }
    usize at = 0;
    for (std::string_view word = BootLine::next_word(line.init(), at); !word.empty();
         word = BootLine::next_word(line.init(), at))
        arguments.add({}, word);
    if (arguments.count() == 0)
        arguments.add({}, "/init");
    collect_environment(line);
    the_block = &block;
    Thread* t = make_kernel_thread(cpu(CpuId(0)), "initial", run_initial_task, nullptr);
    if (t == nullptr)
        panic("no memory for a thread");
    unpark(*t);
    idle_loop();
}

} // namespace still
