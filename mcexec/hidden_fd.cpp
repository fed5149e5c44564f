// SPDX-License-Identifier: BSD-2-Clause
#include "hidden_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

// A table of descriptors costs Linux 8 bytes for each number up to the highest: a limit of a million needs
// none.
constexpr rlim_t highest_number = 65536;

// The highest free number below start, as a duplicate of fd; or -1.
int duplicate_below(int fd, int start)
{
    for (int number = start - 1; number > 2; --number) {
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF) {
            const int got = fcntl(fd, F_DUPFD_CLOEXEC, number);
            if (got == number || got < 0) {
                return got;
            }
            close(got); // another thread was faster
        }
    }
    return -1;
}

// At or above the soft limit: the program can't have these numbers without raising it.
int duplicate_beyond_limit(int fd, const rlimit& limit)
{
    constexpr rlim_t room = 8;
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_cur + room;
    raised.rlim_max = std::max(raised.rlim_max, raised.rlim_cur);
    if (limit.rlim_cur > highest_number - room || setrlimit(RLIMIT_NOFILE, &raised) != 0) {
        return -1;
    }
    const int got = fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(limit.rlim_cur));
    setrlimit(RLIMIT_NOFILE, &limit);
    return got;
}

} // namespace

constinit std::atomic<int> HiddenFd::lowest_{INT_MAX};

void HiddenFd::set(int fd)
{
    int lowest = lowest_.load();
    while (fd < lowest && !lowest_.compare_exchange_weak(lowest, fd)) {
    }
    fd_ = fd; // after that: who sees the number sees that it is hidden
}

void HiddenFd::adopt(int fd)
{
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    int hidden = duplicate_beyond_limit(fd, limit);
    if (hidden < 0) {
        hidden = duplicate_below(fd, static_cast<int>(std::min(limit.rlim_cur, highest_number)));
    }
    if (hidden >= 0) {
        close(fd);
    }
    set(hidden >= 0 ? hidden : fd);
}

void HiddenFd::replace(int fd)
{
    close(fd_);
    adopt(fd);
}

bool HiddenFd::move_away()
{
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const int fresh = duplicate_below(fd_, static_cast<int>(std::min(limit.rlim_cur, highest_number)));
    if (fresh < 0) {
        return false;
    }
    set(fresh); // the old number is about to be replaced by the program's dup2
    return true;
}

} // namespace still::mcexec
