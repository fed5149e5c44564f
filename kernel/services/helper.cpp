// SPDX-License-Identifier: BSD-2-Clause
// A kernel thread does what no process can do for itself: to go away, and to be woken by an alarm.
#include <arch/cpu.hpp>
#include <debug/log.hpp>
#include <services/alarm.hpp>
#include <services/client.hpp>

namespace still::services {

WaitQueue releases;

namespace {

SpinLock list_lock; // after clients_lock
Release* waiting GUARDED_BY(list_lock) = nullptr;
Thread* helper = nullptr;

void finish(Release& r)
{
    if (r.image != nullptr)
        destroy_image(r.image);
    if (r.ends)
        become_zombie(*r.ends);
    if (r.starts) {
        Client& client = *r.starts;
        const Image* image = client.image;
        if (image != nullptr && !tell_lwk(STILL_MSG_PROC_START, image->handle, r.entry, r.stack))
            end_client(client, sig_kill); // no memory for its first thread
    }
}

// true: it is done.
bool try_release(Release& r)
{
    if (r.image != nullptr) {
        const auto done = tell_lwk(STILL_MSG_PROC_RELEASE, r.image->handle);
        if (!done && done.error() == Errno::again)
            return false;
    }
    finish(r);
    return true;
}

void helper_loop(void*)
{
    constexpr u64 again_us = 20;
    for (;;) {
        Release* list;
        {
            LockGuard guard(list_lock);
            list = std::exchange(waiting, nullptr);
        }
        Release* left = nullptr;
        while (list != nullptr) {
            Release* r = list;
            list = r->next;
            if (try_release(*r)) {
                destroy(r);
                continue;
            }
            r->next = left;
            left = r;
        }
        bool is_idle;
        {
            LockGuard guard(list_lock);
            while (left != nullptr) {
                Release* r = left;
                left = r->next;
                r->next = waiting;
                waiting = r;
            }
            is_idle = waiting == nullptr;
        }
        const u64 due = ring_alarms();
        if (!is_idle)
            park_until(arch::read_tsc() + us_to_tsc(again_us));
        else if (due != no_deadline)
            park_until(tsc_at_monotonic(due));
        else
            park();
    }
}

} // namespace

void release_later(Release* release)
{
    {
        LockGuard guard(list_lock);
        release->next = waiting;
        waiting = release;
    }
    unpark(*helper);
}

void wake_helper()
{
    unpark(*helper);
}

bool start_helper()
{
    helper = make_helper_thread(cpu(CpuId(0)), "services", helper_loop, nullptr);
    if (helper == nullptr)
        return false;
    unpark(*helper);
    return true;
}

} // namespace still::services
