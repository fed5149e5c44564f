// SPDX-License-Identifier: BSD-2-Clause
#include <alone.hpp>
#include <arch/hardware.hpp>
#include <base/boot_line.hpp>
#include <debug/log.hpp>
#include <debug/test.hpp>

namespace still {

namespace {

constexpr u8 code_good = 0x10, code_bad = 0x11; // of isa-debug-exit

[[noreturn]] void end_with(u32 status)
{
    arch::power_off(status, status == 0 ? code_good : code_bad);
}

} // namespace

void run_alone(const still_boot_block& block)
{
    const BootLine line(block.cmdline);
    if (line.has("tests"))
        end_with(run_kernel_tests() ? 0 : 1);
    log("nothing to do without Linux: boot with 'tests' to run the tests");
    end_with(0);
}

} // namespace still
