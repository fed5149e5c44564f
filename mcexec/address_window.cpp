// SPDX-License-Identifier: BSD-2-Clause
#include "address_window.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace still::mcexec {

ihk::Result<> map_program_addresses(int fd, const std::vector<still_range>& app)
{
    for (const still_range& range : app) {
        // SAFETY: the range was free a moment ago, and NOREPLACE makes sure.
        void* const want = reinterpret_cast<void*>(range.start);
        const void* got =
            mmap(want, range.end - range.start, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, static_cast<off_t>(range.start));
        if (got != want) {
            const int number = got == MAP_FAILED ? errno : EEXIST;
            return ihk::fail(number,
                             fmt::format("cannot map the program's addresses {:#x}-{:#x}: {}", range.start,
                                         range.end, strerror(number)),
                             number == ENOMEM ? "is 'ulimit -v' set, with a hard limit?" : "");
        }
    }
    return {};
}

} // namespace still::mcexec
