// SPDX-License-Identifier: BSD-2-Clause
// The lists that futexes wake by, in the way that they use them.
#include <algorithm>
#include <base/wake_list.hpp>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <random>
#include <semaphore>
#include <thread>
#include <vector>

namespace still {
namespace {

// unpark() is an interrupt of its own, and may come twice before it is looked for.
struct Sleeper : Wakeable<Sleeper> {
    std::counting_semaphore<> permits{0};
    std::atomic<int> unparked{0};
};

void unpark(Sleeper& s)
{
    ++s.unparked;
    s.permits.release();
}

TEST(WakeList, WakesInOrderWhenItEnds)
{
    Sleeper a, b;
    std::atomic<bool> a_woken{false}, b_woken{false};
    {
        WakeList<Sleeper> chosen;
        chosen.choose(b, b_woken);
        chosen.choose(a, a_woken);
        EXPECT_EQ(b.next_chosen, &a);
        EXPECT_TRUE(a_woken && b_woken);
        EXPECT_EQ(a.unparked + b.unparked, 0);
        EXPECT_EQ(a.held, 1U);
    }
    EXPECT_EQ(a.unparked, 1);
    EXPECT_EQ(b.unparked, 1);
    EXPECT_EQ(a.held + b.held, 0U);
}

TEST(WakeList, TwoWhoChooseOneUnparkItOnce)
{
    Sleeper s;
    std::atomic<bool> first{false}, second{false}, third{false};
    {
        WakeList<Sleeper> one;
        one.choose(s, first);
        {
            WakeList<Sleeper> two;
            two.choose(s, second);
            one.choose(s, third);
        }
        EXPECT_EQ(s.unparked, 0);
        EXPECT_EQ(s.held, 1U);
    }
    EXPECT_TRUE(first && second && third);
    EXPECT_EQ(s.unparked, 1);
    EXPECT_EQ(s.held, 0U);
    std::atomic<bool> again{false};
    {
        WakeList<Sleeper> list;
        list.choose(s, again);
    }
    EXPECT_EQ(s.unparked, 2);
}

struct Waiter {
    Sleeper* sleeper;
    std::atomic<bool> woken{false};
};

struct Bucket {
    std::mutex lock;
    std::vector<Waiter*> waiters;
};

bool dequeue(Bucket& b, Waiter& w)
{
    if (w.woken.load(std::memory_order_acquire))
        return true;
    const std::lock_guard guard(b.lock);
    if (w.woken.load(std::memory_order_acquire))
        return true;
    std::erase(b.waiters, &w);
    return false;
}

// Waits on both words, on its own stack; may give up at once. false: a wakeup was lost.
bool wait_on(Bucket (&buckets)[2], Sleeper& s, bool gives_up)
{
    Waiter w[2]{{&s}, {&s}};
    for (int i = 0; i < 2; ++i) {
        const std::lock_guard guard(buckets[i].lock);
        buckets[i].waiters.push_back(&w[i]);
    }
    bool in_time = true;
    while (!gives_up && in_time && !w[0].woken.load(std::memory_order_acquire) &&
           !w[1].woken.load(std::memory_order_acquire))
        in_time = s.permits.try_acquire_for(std::chrono::seconds(30));
    for (int i = 0; i < 2; ++i)
        (void)dequeue(buckets[i], w[i]);
    return in_time;
}

// Nobody is touched after its end, and no wakeup is lost, whoever else has chosen the same one.
TEST(WakeList, SleepersThatEndWhileTheyAreWoken)
{
    constexpr int rounds = 3000;
    Bucket buckets[2];
    std::atomic<int> left{3};
    std::vector<std::thread> threads;
    for (unsigned seed = 1; seed <= 3; ++seed)
        threads.emplace_back([&, seed] {
            std::minstd_rand random(seed);
            for (int i = 0; i < rounds; ++i) {
                auto s = std::make_unique<Sleeper>();
                for (unsigned n = random() % 3; n < 3; ++n)
                    EXPECT_TRUE(wait_on(buckets, *s, random() % 4 == 0)) << "lost wakeup";
                while (s->held.load() != 0)
                    std::this_thread::yield();
            }
            --left;
        });
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&, i] {
            while (left != 0) {
                {
                    WakeList<Sleeper> chosen;
                    const std::lock_guard guard(buckets[i].lock);
                    for (Waiter* w : buckets[i].waiters)
                        chosen.choose(*w->sleeper, w->woken);
                    buckets[i].waiters.clear();
                }
                std::this_thread::yield();
            }
        });
    for (std::thread& t : threads)
        t.join();
}

} // namespace
} // namespace still
