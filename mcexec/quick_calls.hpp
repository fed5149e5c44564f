// SPDX-License-Identifier: BSD-2-Clause
// A request for which mcexec has nothing to do but to make the call: most of all that a program sends.
#pragma once

#include <stillcore/slot.h>

#include <cstdint>

namespace still::mcexec {

// The arguments of a request, each read from the slot once.
struct QuickArguments {
    explicit QuickArguments(const still_slot& slot)
        : a0(take(slot.arg[0])), a1(take(slot.arg[1])), a2(take(slot.arg[2])), a3(take(slot.arg[3])),
          a4(take(slot.arg[4])), a5(take(slot.arg[5]))
    {
    }
    uint64_t a0, a1, a2, a3, a4, a5;

    [[nodiscard]] int64_t execute(uint32_t nr) const
    {
        int64_t result = nr;
        register uint64_t r10 asm("r10") = a3;
        register uint64_t r8 asm("r8") = a4;
        register uint64_t r9 asm("r9") = a5;
        // SAFETY: the program's own call on the program's own memory.
        asm volatile("syscall"
                     : "+a"(result)
                     : "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
        return result;
    }

  private:
    // SAFETY: another kernel's thread has written it before it raised seq, and leaves it until the answer.
    static uint64_t take(const uint64_t& field) { return *const_cast<const volatile uint64_t*>(&field); }
};

} // namespace still::mcexec
