// SPDX-License-Identifier: BSD-2-Clause
#include "waits.hpp"

#include "signal_relay.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <stillcore/ioctl_proc.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

struct SocketWait {
    uint64_t timeout_ns = 0; // 0: it has none
    short events = 0;        // as poll(2) calls what it waits for; 0: nothing that poll knows
};

SocketWait socket_wait(const Request& request)
{
    SocketWait wait;
    int option = SO_RCVTIMEO;
    switch (request.nr) {
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_accept:
    case SYS_accept4:
        wait.events = POLLIN;
        break;
    case SYS_write:
    case SYS_writev:
    case SYS_sendfile:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
        wait.events = POLLOUT;
        option = SO_SNDTIMEO;
        break;
    case SYS_connect:
        option = SO_SNDTIMEO;
        break;
    default:
        return wait;
    }
    timeval time{};
    socklen_t size = sizeof time;
    if (getsockopt(static_cast<int>(request.arg[0]), SOL_SOCKET, option, &time, &size) == 0) {
        wait.timeout_ns =
            (static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec)) * 1000;
    }
    return wait;
}

} // namespace

bool socket_has_timeout(const Request& request)
{
    return socket_wait(request).timeout_ns != 0;
}

int64_t await_socket(const Request& request, uint64_t waited_ns)
{
    const SocketWait wait = socket_wait(request);
    if (wait.timeout_ns == 0 || wait.events == 0) {
        return 0;
    }
    const timespec left = to_timespec(wait.timeout_ns - std::min(wait.timeout_ns, waited_ns));
    pollfd socket{static_cast<int>(request.arg[0]), wait.events, 0};
    const int ready = ppoll(&socket, 1, &left, nullptr);
    return ready > 0 ? 0 : ready == 0 ? -EAGAIN : -errno;
}

bool ends_after_stop(const Request& request)
{
    switch (request.nr) {
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_epoll_wait:
    case SYS_epoll_pwait2:
    case SYS_io_getevents:
        return true;
    default:
        return socket_has_timeout(request);
    }
}

int64_t select_now(const Request& request)
{
    constexpr uint64_t interrupt = 1ull << (STILL_INTERRUPT_SIGNAL - 1);
    constexpr uint64_t all_others = ~interrupt;
    const struct {
        const uint64_t* set;
        size_t size;
    } mask{&all_others, sizeof all_others};
    // Linux looks at the descriptors once, then finds a signal.
    block_signals();
    syscall(SYS_tgkill, getpid(), gettid(), STILL_INTERRUPT_SIGNAL);
    const long result = syscall(SYS_pselect6, request.arg[0], request.arg[1], request.arg[2], request.arg[3],
                                request.arg[4], &mask);
    const int64_t answer = result < 0 ? -errno : result;
    const timespec now{};
    while (syscall(SYS_rt_sigtimedwait, &interrupt, nullptr, &now, sizeof interrupt) > 0) {
    }
    unblock_signals();
    return answer;
}

timespec to_timespec(uint64_t ns)
{
    constexpr uint64_t second = 1'000'000'000;
    return {static_cast<time_t>(ns / second), static_cast<long>(ns % second)};
}

} // namespace still::mcexec
