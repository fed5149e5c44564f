// SPDX-License-Identifier: BSD-2-Clause
// Waiting for an event of the services. Who waits is in a queue; who changes something wakes the queue, and everybody
// looks again. All who poll several files at once wait in one queue of their own, which each wake() reaches.
#pragma once

#include <arch/cpu.hpp>
#include <exec/process.hpp>
#include <sched/clock.hpp>

namespace still::services {

class WaitQueue {
  public:
    struct Waiter {
        Thread* thread;
        Waiter* next = nullptr;
    };
    void add(Waiter& w) EXCLUDES(lock_);
    void remove(Waiter& w) EXCLUDES(lock_);
    // With any lock of the services' held.
    void wake() EXCLUDES(lock_);
    void wake_own() EXCLUDES(lock_); // without those who poll

  private:
    SpinLock lock_;
    Waiter* first_ GUARDED_BY(lock_) = nullptr;
};

extern WaitQueue pollers;

constexpr u64 no_deadline = ~0ull;

// intr: a signal wants to be delivered, or the process is ending; timedout. No lock is held.
// ready() is called without locks of this queue; deadline: ns of the monotonic clock.
template <class Ready> Status wait_until(WaitQueue& queue, Ready&& ready, u64 deadline = no_deadline)
{
    Task& task = current_task();
    WaitQueue::Waiter self{&task};
    queue.add(self);
    Status result;
    while (!ready()) {
        if (task.owner->dying.load() || signal_pending(task))
            result = fail(Errno::intr);
        else if (deadline != no_deadline && monotonic_ns() >= deadline)
            result = fail(Errno::timedout);
        if (!result)
            break;
        if (deadline == no_deadline)
            park();
        else
            park_until(tsc_at_monotonic(deadline));
    }
    queue.remove(self);
    return result;
}
// Likewise, but no signal ends it, only the end of the process.
template <class Ready> Status wait_quietly(WaitQueue& queue, Ready&& ready)
{
    Task& task = current_task();
    WaitQueue::Waiter self{&task};
    queue.add(self);
    bool is_ready = ready();
    while (!is_ready && !task.owner->dying.load()) {
        park();
        is_ready = ready();
    }
    queue.remove(self);
    return is_ready ? Status{} : fail(Errno::intr);
}

// May be held while its holder waits, for memory or for user pages. Short; not for interrupts.
class Mutex {
  public:
    void lock();
    void unlock();

  private:
    std::atomic<bool> held_{false};
    WaitQueue queue_;
};

class MutexGuard {
  public:
    explicit MutexGuard(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
    ~MutexGuard() { mutex_.unlock(); }
    MutexGuard(const MutexGuard&) = delete;
    MutexGuard& operator=(const MutexGuard&) = delete;

  private:
    Mutex& mutex_;
};

} // namespace still::services
