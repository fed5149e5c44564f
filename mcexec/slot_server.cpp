// SPDX-License-Identifier: BSD-2-Clause
#include "slot_server.hpp"

#include <cerrno>

namespace still::mcexec {

SlotServer::SlotServer(still_slot& slot, uint32_t index, SlotKernel& kernel, PollWindow window)
    : slot_(slot), kernel_(kernel), window_(window), index_(index),
      answered_(load(slot.answer_seq, std::memory_order_relaxed))
{
}

std::optional<Request> SlotServer::next()
{
    return wait() ? std::optional(request()) : std::nullopt;
}

Request SlotServer::request() const
{
    Request request{seq(), slot_.nr, {}};
    for (unsigned i = 0; i < 6; ++i) {
        request.arg[i] = slot_.arg[i];
    }
    return request;
}

bool SlotServer::wait_longer()
{
    const uint64_t start = read_tsc();
    if (!poll(start) && !sleep()) {
        return false;
    }
    window_.waited(read_tsc() - start);
    return true;
}

bool SlotServer::poll(uint64_t start)
{
    for (;;) {
        if (seq() != answered_) {
            return true;
        }
        if (read_tsc() - start >= window_.ticks()) {
            return false;
        }
        __builtin_ia32_pause();
    }
}

bool SlotServer::sleep()
{
    store(slot_.proxy_asleep, 1, std::memory_order_seq_cst);
    while (load(slot_.seq, std::memory_order_seq_cst) == answered_) {
        ++sleeps_;
        const int result = kernel_.wait(index_, answered_);
        if (result != 0 && result != -EINTR) {
            error_ = -result;
            return false;
        }
    }
    store(slot_.proxy_asleep, 0, std::memory_order_relaxed);
    return true;
}

bool SlotServer::wake()
{
    const int woken = kernel_.wake(index_);
    error_ = woken == 0 ? 0 : -woken;
    return woken == 0;
}

void SlotServer::retire(const Request& request)
{
    answered_ = request.seq;
    store(slot_.answer_seq, request.seq, std::memory_order_release);
}

} // namespace still::mcexec
