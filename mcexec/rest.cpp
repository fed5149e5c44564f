// SPDX-License-Identifier: BSD-2-Clause
#include "rest.hpp"

#include "signal_relay.hpp"
#include "user_memory.hpp"
#include "waits.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

constexpr uint64_t page = 4096;

// Only then a receiver waits for more than is there.
bool wants_all(uint64_t flags)
{
    return (flags & MSG_WAITALL) != 0 && (flags & (MSG_PEEK | MSG_DONTWAIT)) == 0;
}

// Not exact for what no sane program passes: that counts as nothing, which no result falls short of.
uint64_t vector_bytes(uint64_t address, uint64_t count)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; address % sizeof(uint64_t) == 0 && i < count && i < IOV_MAX; ++i) {
        bytes += mcexec_load_word(address + i * sizeof(iovec) + offsetof(iovec, iov_len));
    }
    return bytes;
}

uint64_t message_bytes(uint64_t address)
{
    if (address % sizeof(uint64_t) != 0) {
        return 0;
    }
    return vector_bytes(mcexec_load_word(address + offsetof(msghdr, msg_iov)),
                        mcexec_load_word(address + offsetof(msghdr, msg_iovlen)));
}

// What the call would give if it waited for all; 0 if it does not.
uint64_t asked_for(const Request& request)
{
    const auto& arg = request.arg;
    switch (request.nr) {
    case SYS_write:
    case SYS_read:
    case SYS_sendto:
        return arg[2];
    case SYS_recvfrom:
        return wants_all(arg[3]) ? arg[2] : 0;
    case SYS_getrandom:
        return arg[1];
    case SYS_sendfile:
        return arg[3];
    case SYS_writev:
        return vector_bytes(arg[1], arg[2]);
    case SYS_sendmsg:
        return message_bytes(arg[1]);
    case SYS_recvmsg:
        return wants_all(arg[2]) ? message_bytes(arg[1]) : 0;
    default:
        return 0;
    }
}

// Datagrams come whole, and what a time-out has ended is over.
bool is_patient_stream(const Request& request, int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           !socket_has_timeout(request);
}

// Only where Linux itself goes on until all is done, or until a signal comes. Of other descriptors a part may be meant.
bool may_wait(const Request& request)
{
    constexpr unsigned memory_major = 1; // of /dev/zero, /dev/urandom and the like
    if (request.nr == SYS_getrandom) {
        return true;
    }
    const int fd = static_cast<int>(request.arg[0]);
    struct stat facts{};
    if (fstat(fd, &facts) != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) {
        return false;
    }
    if (request.nr == SYS_read) {
        return S_ISCHR(facts.st_mode) && major(facts.st_rdev) == memory_major;
    }
    if (S_ISSOCK(facts.st_mode)) {
        return is_patient_stream(request, fd);
    }
    // sendfile gives a pipe what fits at once.
    return request.nr != SYS_sendfile &&
           (S_ISFIFO(facts.st_mode) || (S_ISCHR(facts.st_mode) && isatty(fd) == 1));
}

} // namespace

bool falls_short(const Request& request, int64_t result)
{
    if (request.nr == SYS_io_uring_enter) {
        // What was submitted may still have to be waited for: only a second wait can tell.
        const uint64_t flags = request.arg[3];
        return result > 0 && request.arg[2] != 0 &&
               (flags & (IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG)) == IORING_ENTER_GETEVENTS;
    }
    if (result <= 0 || static_cast<uint64_t>(result) >= asked_for(request)) {
        return false;
    }
    return (request.nr != SYS_read || static_cast<uint64_t>(result) % page == 0) && may_wait(request);
}

// On a socket write and writev become what they are, so that they need not wait.
RestOfCall::RestOfCall(const Request& request) : request_(request)
{
    struct stat facts{};
    is_socket_ = request.nr != SYS_getrandom && request.nr != SYS_io_uring_enter &&
                 fstat(static_cast<int>(request.arg[0]), &facts) == 0 && S_ISSOCK(facts.st_mode);
    if (is_socket_ && request.nr == SYS_write) {
        request_.nr = SYS_sendto;
        request_.arg[3] = request_.arg[4] = request_.arg[5] = 0;
    }
    if (is_socket_ && request.nr == SYS_writev && read_vector(request.arg[1], request.arg[2])) {
        request_.nr = SYS_sendmsg;
        request_.arg[2] = 0;
    }
}

// A call that finds an error of the socket's takes it away: so it is not made, once there is one. A part was done, and
// Linux would leave the error for the program's next call.
bool RestOfCall::await() const
{
    if (!is_socket_) {
        return true;
    }
    const bool receives = request_.nr == SYS_recvfrom || request_.nr == SYS_recvmsg;
    pollfd socket{static_cast<int>(request_.arg[0]), static_cast<short>(receives ? POLLIN : POLLOUT), 0};
    const int ready = poll(&socket, 1, -1);
    return ready < 0 ? errno == EINTR
                     : (socket.revents & (POLLERR | POLLNVAL)) == 0 &&
                           (receives || (socket.revents & POLLHUP) == 0);
}

bool RestOfCall::advance(uint64_t done)
{
    switch (request_.nr) {
    case SYS_write:
    case SYS_read:
        return cut(1, 2, done);
    case SYS_sendto:
    case SYS_recvfrom:
        request_.arg[3] |= MSG_NOSIGNAL | MSG_DONTWAIT;
        return cut(1, 2, done);
    case SYS_getrandom:
        return cut(0, 1, done);
    case SYS_sendfile:
        return shorten(3, done); // Linux moves the offset on
    case SYS_writev:
        return cut_vector(done);
    case SYS_sendmsg:
    case SYS_recvmsg:
        request_.arg[2] |= MSG_NOSIGNAL | MSG_DONTWAIT;
        return cut_message(done);
    case SYS_io_uring_enter:
        shorten(1, done);
        return true;
    default:
        return false;
    }
}

bool RestOfCall::shorten(unsigned count, uint64_t done)
{
    request_.arg[count] -= std::min(done, request_.arg[count]);
    return request_.arg[count] != 0;
}

bool RestOfCall::cut(unsigned at, unsigned count, uint64_t done)
{
    request_.arg[at] += done;
    return shorten(count, done);
}

bool RestOfCall::read_vector(uint64_t address, uint64_t count)
{
    if (count > IOV_MAX) {
        return false;
    }
    pieces_.resize(count);
    is_copied_ = true;
    return read_program(address, pieces_.data(), count * sizeof(iovec));
}

bool RestOfCall::drop_pieces(uint64_t done)
{
    auto piece = pieces_.begin();
    for (; piece != pieces_.end() && piece->iov_len <= done; ++piece) {
        done -= piece->iov_len;
    }
    pieces_.erase(pieces_.begin(), piece);
    if (pieces_.empty()) {
        return false;
    }
    pieces_.front().iov_base = static_cast<char*>(pieces_.front().iov_base) + done;
    pieces_.front().iov_len -= done;
    return true;
}

bool RestOfCall::cut_vector(uint64_t done)
{
    if ((!is_copied_ && !read_vector(request_.arg[1], request_.arg[2])) || !drop_pieces(done)) {
        return false;
    }
    request_.arg[1] = reinterpret_cast<uint64_t>(pieces_.data());
    request_.arg[2] = pieces_.size();
    return true;
}

bool RestOfCall::cut_message(uint64_t done)
{
    if (!is_copied_ && (!read_program(request_.arg[1], &message_, sizeof message_) ||
                        !read_vector(reinterpret_cast<uint64_t>(message_.msg_iov), message_.msg_iovlen))) {
        return false;
    }
    if (!drop_pieces(done)) {
        return false;
    }
    message_.msg_iov = pieces_.data();
    message_.msg_iovlen = pieces_.size();
    message_.msg_control = nullptr; // has come, or gone, with the first bytes
    message_.msg_controllen = 0;
    request_.arg[1] = reinterpret_cast<uint64_t>(&message_);
    return true;
}

} // namespace still::mcexec
