// SPDX-License-Identifier: BSD-2-Clause
#include <services/waiting.hpp>

namespace still::services {

WaitQueue pollers;

void WaitQueue::add(Waiter& w)
{
    LockGuard guard(lock_);
    w.next = first_;
    first_ = &w;
}

void WaitQueue::remove(Waiter& w)
{
    LockGuard guard(lock_);
    for (Waiter** at = &first_; *at != nullptr; at = &(*at)->next) {
        if (*at == &w) {
            *at = w.next;
            return;
        }
    }
}

void WaitQueue::wake_own()
{
    LockGuard guard(lock_);
    for (Waiter* w = first_; w != nullptr; w = w->next)
        unpark(*w->thread);
}

void WaitQueue::wake()
{
    wake_own();
    if (this != &pollers)
        pollers.wake_own();
}

void Mutex::lock()
{
    if (!held_.exchange(true, std::memory_order_acquire))
        return;
    WaitQueue::Waiter self{&current_thread()};
    queue_.add(self);
    while (held_.exchange(true, std::memory_order_acquire))
        park();
    queue_.remove(self);
}

void Mutex::unlock()
{
    held_.store(false, std::memory_order_release);
    queue_.wake_own();
}

} // namespace still::services
