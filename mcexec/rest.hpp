// SPDX-License-Identifier: BSD-2-Clause
// A signal that the program ignores ends a call of the proxy's early, since mcexec has a handler for it; also if
// another thread takes it then. Natively it would not: what is left of the call is asked for.
#pragma once

#include "slot_server.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>
#include <vector>

namespace still::mcexec {

// May there be a rest, by the result and what was asked for? Of calls on descriptors that wait; a look at the program's
// memory for some of them.
[[nodiscard]] bool falls_short(const Request& request, int64_t result);

class RestOfCall {
  public:
    explicit RestOfCall(const Request& request);
    RestOfCall(const RestOfCall&) = delete;
    RestOfCall& operator=(const RestOfCall&) = delete;
    // done: the bytes or submissions that the last try got done. False: nothing is left.
    [[nodiscard]] bool advance(uint64_t done);
    // Did that answer of a try not end the call?
    [[nodiscard]] bool goes_on(int64_t result) const
    {
        return result > 0 || result == -EINTR || (result == -EAGAIN && is_socket_);
    }
    // Waits until it is worth a try. False: the socket is at its end, which the program's next call is to find.
    [[nodiscard]] bool await() const;
    // What is left; it points into this object.
    [[nodiscard]] const Request& request() const { return request_; }

  private:
    bool cut(unsigned at, unsigned count, uint64_t done);
    bool shorten(unsigned count, uint64_t done);
    bool cut_vector(uint64_t done);
    bool cut_message(uint64_t done);
    bool read_vector(uint64_t address, uint64_t count);
    bool drop_pieces(uint64_t done);

    Request request_;
    bool is_socket_ = false;
    bool is_copied_ = false;
    std::vector<iovec> pieces_;
    msghdr message_{};
};

} // namespace still::mcexec
