// SPDX-License-Identifier: BSD-2-Clause
// A ticket-free spin lock for sections of a few hundred instructions.
//
// The kernel runs with interrupts off (except in the idle loop and in interrupt windows, where no lock is
// held), so a lock needs no interrupt state. No lock is held across a request to Linux, and none while
// waiting for a TLB shootdown. Order, outermost first: process table, process, address space (two by their
// addresses), futex bucket, run queue, frame owners, frame allocator, log.
#pragma once

#include <atomic>
#include <base/thread_safety.hpp>
#include <base/types.hpp>

namespace still {

inline void cpu_pause()
{
    __builtin_ia32_pause();
}

class CAPABILITY("spin lock") SpinLock {
  public:
    void lock() ACQUIRE()
    {
        while (held_.exchange(true, std::memory_order_acquire)) {
            while (held_.load(std::memory_order_relaxed))
                cpu_pause();
        }
    }
    bool try_lock() TRY_ACQUIRE(true) { return !held_.exchange(true, std::memory_order_acquire); }
    void unlock() RELEASE() { held_.store(false, std::memory_order_release); }

  private:
    std::atomic<bool> held_{false};
};

class SCOPED_CAPABILITY LockGuard {
  public:
    explicit LockGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~LockGuard() RELEASE() { lock_.unlock(); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

  private:
    SpinLock& lock_;
};

} // namespace still
