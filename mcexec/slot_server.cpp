// SPDX-License-Identifier: BSD-2-Clause
#include "slot_server.hpp"

#include <atomic>
#include <cerrno>

namespace still::mcexec {

namespace {

// SAFETY: the slot is shared with another kernel; each field has one writer, and all access goes through
// these. Sequentially consistent stores are XCHG on x86, so "store my flag, then load the other's" needs no
// other fence.
uint32_t load(const uint32_t& field, std::memory_order order)
{
    return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(field)).load(order);
}

void store(uint32_t& field, uint32_t value, std::memory_order order)
{
    std::atomic_ref<uint32_t>(field).store(value, order);
}

} // namespace

SlotServer::SlotServer(still_slot& slot, uint32_t index, SlotKernel& kernel, PollWindow window)
    : slot_(slot), kernel_(kernel), window_(window), index_(index),
      answered_(load(slot.answer_seq, std::memory_order_relaxed))
{
}

uint32_t SlotServer::seq() const
{
    return load(slot_.seq, std::memory_order_acquire);
}

std::optional<Request> SlotServer::next()
{
    const uint64_t start = read_tsc();
    if (!poll(start) && !sleep()) {
        return std::nullopt;
    }
    window_.waited(read_tsc() - start);
    Request request{seq(), slot_.nr, {}};
    for (unsigned i = 0; i < 6; ++i) {
        request.arg[i] = slot_.arg[i];
    }
    return request;
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

bool SlotServer::answer(const Request& request, int64_t result)
{
    slot_.result = result;
    answered_ = request.seq;
    store(slot_.answer_seq, request.seq, std::memory_order_seq_cst);
    if (load(slot_.asleep, std::memory_order_seq_cst) == 0) {
        return true;
    }
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
