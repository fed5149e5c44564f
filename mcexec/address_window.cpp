// SPDX-License-Identifier: BSD-2-Clause
#include "address_window.hpp"

#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <sys/mman.h>

namespace still::mcexec {

namespace {

bool map_range(int fd, const still_range& range, bool read_only)
{
    // SAFETY: NOREPLACE: nothing that lies there is harmed.
    void* const want = reinterpret_cast<void*>(range.start);
    const void* got =
        mmap(want, range.end - range.start, read_only ? PROT_READ : PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, static_cast<off_t>(range.start));
    if (got != want && got != MAP_FAILED) {
        errno = EEXIST;
    }
    return got == want;
}

// Memory whose home is Linux: a forked child has it already.
bool map_around(int fd, const still_range& range, bool read_only)
{
    const auto maps = read_maps();
    if (!maps) {
        return false;
    }
    const auto gaps = gaps_within(*maps, range);
    return std::all_of(gaps.begin(), gaps.end(),
                       [=](const still_range& gap) { return map_range(fd, gap, read_only); });
}

} // namespace

ihk::Result<std::string> read_maps()
{
    std::ifstream file("/proc/self/maps");
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.str().empty()) {
        return ihk::fail(EIO, "cannot read /proc/self/maps", "is /proc mounted?");
    }
    return text.str();
}

ihk::Result<> map_program_addresses(int fd, const std::vector<still_range>& app, bool read_only)
{
    for (const still_range& range : app) {
        if (map_range(fd, range, read_only) || (errno == EEXIST && map_around(fd, range, read_only))) {
            continue;
        }
        const int number = errno;
        return ihk::fail(number,
                         fmt::format("cannot map the program's addresses {:#x}-{:#x}: {}", range.start,
                                     range.end, strerror(number)),
                         number == ENOMEM ? "is 'ulimit -v' set, with a hard limit?" : "");
    }
    return {};
}

} // namespace still::mcexec
