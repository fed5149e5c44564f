// SPDX-License-Identifier: BSD-2-Clause
// Who waits on which word: the inside of futex.cpp and futex_pi.cpp. Lock order: bucket, bucket, pi_lock, a
// process's lock, a run queue's.
#pragma once

#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/user_copy.hpp>
#include <exec/futex.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <new>

namespace still::futex {

// The word of a PI or robust futex (linux/futex.h).
constexpr u32 owner_died = 0x40000000, waiters_bit = 0x80000000, tid_mask = 0x3fffffff;

// Lies on the waiting task's stack, and is queued until it is woken: whoever gives up takes it off under the bucket's
// lock. Of one that was woken nothing is touched any more (base/wake_list.hpp).
struct Waiter {
    Task* task = nullptr;
    const void* space = nullptr; // or a group: Word::scope
    u64 address = 0;             // Word::key
    u32 bits = any_bit;
    u32 priority = 0; // real-time priority: the more urgent come first
    std::atomic<bool> woken{false};
    Waiter* next = nullptr;
    u64 requeue_to = 0;    // FUTEX_WAIT_REQUEUE_PI: the one PI word that it may be moved to
    bool pi = false;       // waits for ownership of a PI word, which only an unlock or the owner's end gives
    Task* owner = nullptr; // of that word; nullptr: it goes away with its process. Under pi_lock
    Waiter* next_of_owner = nullptr; // in the owner's list, under pi_lock
};

struct Bucket {
    SpinLock lock;
    Waiter* first GUARDED_BY(lock) = nullptr;
};

constexpr u32 num_buckets = 1024;
extern Bucket buckets[num_buckets];
// Who owns what, and waits for whom.
extern SpinLock pi_lock;

inline Bucket& bucket_of(const void* space, u64 address)
{
    const u64 mixed = ((address >> 2) ^ reinterpret_cast<u64>(space) >> 6) * 0x9e3779b97f4a7c15;
    return buckets[mixed >> 54];
}

// Without the lock. Whoever asks has changed a word before, and whoever waits is queued before it looks at the word, so
// one of them sees what the other did.
inline bool nobody_waits(const Bucket& b) NO_THREAD_SAFETY
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return __atomic_load_n(&b.first, __ATOMIC_RELAXED) == nullptr;
}

// Both buckets in address order, once if they are the same.
class TwoLocks {
  public:
    TwoLocks(Bucket& a, Bucket& b) NO_THREAD_SAFETY : low_(&a < &b ? a : b), high_(&a < &b ? b : a)
    {
        low_.lock.lock();
        if (&low_ != &high_)
            high_.lock.lock();
    }
    ~TwoLocks() NO_THREAD_SAFETY
    {
        if (&low_ != &high_)
            high_.lock.unlock();
        low_.lock.unlock();
    }
    TwoLocks(const TwoLocks&) = delete;
    TwoLocks& operator=(const TwoLocks&) = delete;

  private:
    Bucket& low_;
    Bucket& high_;
};

// inval: not aligned; fault: not the user's.
Status check_word(u64 address);
// With a bucket locked: false if the page is not there. exchange: *seen is what was there.
bool peek(u64 address, u32& value);
bool exchange(u64 address, u32 expected, u32 desired, u32& seen);
// Makes the page present, with no lock held. fault: it can't be.
Status touch(Process& p, u64 address, Access access);

void append(Bucket& b, Waiter& w) REQUIRES(b.lock);
void remove(Bucket& b, Waiter& w) REQUIRES(b.lock);
// Those who were chosen under a bucket's lock, which are woken when it is free.
using Chosen = WakeList<Task>;

// Queues the waiter if the word is as expected, else again.
Status enqueue(Process& p, Waiter& w, u64 address, u32 expected);
// Waits until w was woken: timedout, or intr for a signal or the process's end.
Status sleep(Task& task, const std::atomic<bool>& woken, u64 deadline);
// Takes w off whatever queue a requeue has left it on. true: it was woken before.
bool dequeue(Waiter& w);
void remove_pi(Bucket& b, Waiter& w) REQUIRES(b.lock);

// The waiter's bucket is locked. deadlk: the owner waits for the waiter, if through others; srch: it is about to go.
Status begin_wait(Waiter& w, u32 owner_tid);
void end_wait(Waiter& w);
void wait_for_another(Waiter& w, Task& owner); // the word has a new one
[[nodiscard]] bool has_waiters(const Task& owner);

} // namespace still::futex
