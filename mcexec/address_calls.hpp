// SPDX-License-Identifier: BSD-2-Clause
// What calls do with the program's addresses in the proxy: the list of all that do anything. Pure.
#pragma once

#include <stillcore/slot.h>

#include <cstdint>
#include <sys/syscall.h>

namespace still::mcexec {

enum class AddressUse : uint8_t {
    none,
    change,  // other mappings of Linux's
    alone,   // likewise, and nobody else may change any meanwhile
    may_pin, // perhaps Linux pins memory for long: depends on the arguments
};

[[nodiscard]] constexpr AddressUse address_use(uint32_t nr)
{
    switch (nr) {
    case SYS_io_uring_setup:
    case SYS_io_uring_register:
    case SYS_ioctl:
    case SYS_setsockopt:
        return AddressUse::may_pin;
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mremap:
    case SYS_shmat:
    case SYS_shmdt:
    case SYS_io_destroy:
    case STILL_CALL_MAP_BACK:
    case STILL_CALL_REMAP:
    case STILL_CALL_AIO_SETUP:
        return AddressUse::change;
    case STILL_CALL_MAP_CHOSEN:
        return AddressUse::alone;
    default:
        return AddressUse::none;
    }
}

} // namespace still::mcexec
