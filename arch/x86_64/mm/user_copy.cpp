// SPDX-License-Identifier: BSD-2-Clause
#include <arch/user_copy.hpp>

namespace {
struct Fixup {
    still::u64 instruction, continuation;
};
} // namespace
extern "C" const Fixup still_fixups_start[], still_fixups_end[];

namespace still::arch {

u64 user_copy_fixup(u64 rip)
{
    for (const Fixup* f = still_fixups_start; f != still_fixups_end; ++f)
        if (f->instruction == rip)
            return f->continuation;
    return 0;
}

} // namespace still::arch
