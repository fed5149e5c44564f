// SPDX-License-Identifier: BSD-2-Clause
#include <alone.hpp>
#include <arch/hardware.hpp>
#include <arch/screen.hpp>
#include <array>
#include <base/boot_line.hpp>
#include <base/config.hpp>
#include <debug/log.hpp>
#include <debug/test.hpp>

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

} // namespace

void begin_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    init_log(nullptr, block.tsc_khz);
    set_log_quiet((config::quiet || line.has("quiet")) && !line.has("verbose"));
}

void show_alone(const still_boot_block& block)
{
    const std::string_view wanted = BootLine(block.cmdline).value("screen", config::screen ? "on" : "off");
    if (wanted != "off")
        arch::init_screen();
}

void run_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    if (line.has("tests"))
        end_with(run_kernel_tests() ? 0 : 1);
    usize at = 0;
    for (std::string_view word = BootLine::next_word(line.init(), at); !word.empty();
         word = BootLine::next_word(line.init(), at))
        arguments.add({}, word);
    log("nothing to do without Linux: boot with 'tests' to run the tests");
    end_with(0);
}

} // namespace still
