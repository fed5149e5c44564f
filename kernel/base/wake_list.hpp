// SPDX-License-Identifier: BSD-2-Clause
// Whom the holder of a lock has chosen to wake: they are woken, by interrupts that take time, once the lock is free.
#pragma once

#include <atomic>
#include <base/types.hpp>

namespace still {

// What a T has for it. Whoever waits stays while held is not 0.
template <class T> struct Wakeable {
    std::atomic<u32> held{0};
    std::atomic<bool> is_chosen{false};
    T* next_chosen = nullptr; // of whoever has set is_chosen

  private:
    Wakeable() = default;
    friend T;
};

// A T waits by parking until its `woken` is set, which lies in memory of its own and is told of only under the lock.
//
// Lifetime: woken is the last that is touched of that memory, so whoever sees it set may give it back at once, without
// the lock. The T itself is held from before woken is set until it was unparked.
//
// One link is enough, though several may choose a T at once (it waits for several things; or it was woken, by a signal,
// say, and waits anew before who had chosen it gets to it): the second leaves it to the first. Nothing is lost: both
// write to is_chosen, the second after it has set woken, the first before it unparks. If the second finds it set, the
// first's exchange is the later one and reads what the second wrote, so the T sees woken when it is unparked. The first
// had another reason, so a T is also unparked for nothing: park() is allowed to return without one.
//
// Declared before the lock's guard, it wakes when both end.
template <class T> class WakeList {
  public:
    WakeList() = default;
    WakeList(const WakeList&) = delete;
    WakeList& operator=(const WakeList&) = delete;
    ~WakeList()
    {
        if (first_ != nullptr)
            wake_all();
    }

    void choose(T& t, std::atomic<bool>& woken)
    {
        t.held.fetch_add(1, std::memory_order_relaxed);
        woken.store(true, std::memory_order_release);
        if (t.is_chosen.exchange(true, std::memory_order_acq_rel)) {
            t.held.fetch_sub(1, std::memory_order_release);
            return;
        }
        t.next_chosen = nullptr;
        (last_ != nullptr ? last_->next_chosen : first_) = &t;
        last_ = &t;
    }

  private:
    void wake_all()
    {
        for (T* t = first_; t != nullptr;) {
            T* next = t->next_chosen; // another's as soon as is_chosen is cleared
            t->is_chosen.exchange(false, std::memory_order_acq_rel);
            unpark(*t);
            t->held.fetch_sub(1, std::memory_order_release);
            t = next;
        }
    }

    T* first_ = nullptr;
    T* last_ = nullptr;
};

} // namespace still
