// SPDX-License-Identifier: BSD-2-Clause
// A thread plays the LWK's part on a slot, with both sides polling and sleeping at random. A lost wakeup
// shows as a wait that does not end.
#include "slot_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

using namespace still::mcexec;

namespace {

using namespace std::chrono_literals;

// A doorbell that remembers one ring, as the module's and the LWK's do.
class Bell {
  public:
    void ring()
    {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        changed_.notify_one();
    }
    bool wait()
    {
        std::unique_lock lock(mutex_);
        const bool in_time = changed_.wait_for(lock, 20s, [&] { return rung_; });
        rung_ = false;
        return in_time;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool rung_ = false;
};

class FakeKernel final : public SlotKernel {
  public:
    explicit FakeKernel(still_slot& slot) : slot_(slot) {}
    int wait(uint32_t, uint32_t seen) override
    {
        if (dead) {
            return -EIO;
        }
        if (std::atomic_ref(slot_.seq).load() != seen) {
            return 0;
        }
        return proxy_bell.wait() ? (dead ? -EIO : 0) : -ETIMEDOUT;
    }
    int wake(uint32_t) override
    {
        lwk_bell.ring();
        return 0;
    }
    Bell proxy_bell;
    Bell lwk_bell;
    std::atomic<bool> dead{false};

  private:
    still_slot& slot_;
};

// The LWK thread: one request and its answer, as slot.h says it.
bool request(still_slot& slot, FakeKernel& kernel, uint32_t nr, uint64_t argument, unsigned polls,
             int64_t& result)
{
    std::atomic_ref seq(slot.seq);
    std::atomic_ref asleep(slot.asleep);
    std::atomic_ref answer(slot.answer_seq);
    slot.nr = nr;
    slot.arg[0] = argument;
    const uint32_t mine = seq.load(std::memory_order_relaxed) + 1;
    seq.store(mine, std::memory_order_seq_cst);
    if (std::atomic_ref(slot.proxy_asleep).load(std::memory_order_seq_cst) != 0) {
        kernel.proxy_bell.ring();
    }
    for (unsigned i = 0; i < polls; ++i) {
        if (answer.load(std::memory_order_acquire) == mine) {
            result = slot.result;
            return true;
        }
        __builtin_ia32_pause();
    }
    asleep.store(1, std::memory_order_seq_cst);
    while (answer.load(std::memory_order_seq_cst) != mine) {
        if (!kernel.lwk_bell.wait()) {
            return false;
        }
    }
    asleep.store(0, std::memory_order_relaxed);
    result = slot.result;
    return true;
}

void converse(uint64_t window, int rounds, uint32_t first_seq)
{
    auto slot = std::make_unique<still_slot>();
    slot->seq = slot->answer_seq = first_seq;
    FakeKernel kernel(*slot);
    std::thread proxy([&] {
        SlotServer server(*slot, 0, kernel, PollWindow(window));
        std::mt19937 random(2);
        for (;;) {
            const auto r = server.next();
            if (!r) {
                EXPECT_EQ(server.error(), EIO);
                return;
            }
            if (random() % 100 == 0) {
                std::this_thread::sleep_for(20us);
            }
            EXPECT_TRUE(server.answer(*r, static_cast<int64_t>(r->arg[0] * 2 + r->nr)));
        }
    });
    std::mt19937 random(1);
    for (int i = 0; i < rounds; ++i) {
        int64_t result = 0;
        ASSERT_TRUE(request(*slot, kernel, 7, static_cast<uint64_t>(i),
                            random() % 3 == 0 ? 0 : random() % 2000, result))
            << i;
        ASSERT_EQ(result, i * 2 + 7);
        if (random() % 200 == 0) {
            std::this_thread::sleep_for(50us);
        }
    }
    kernel.dead = true;
    kernel.proxy_bell.ring();
    proxy.join();
}

} // namespace

TEST(Slot, BothSleep)
{
    converse(0, 20'000, 0);
}
TEST(Slot, BothPoll)
{
    converse(40'000, 20'000, 0);
}
TEST(Slot, NumbersWrap)
{
    converse(2'000, 2'000, 0xfffffc00);
}

TEST(Slot, ARetiredSlotServesTheNextThread)
{
    auto slot = std::make_unique<still_slot>();
    FakeKernel kernel(*slot);
    slot->seq = 1;
    SlotServer first(*slot, 0, kernel, PollWindow(0));
    const auto last = first.next();
    ASSERT_TRUE(last);
    first.retire(*last);
    slot->seq = 2;
    SlotServer second(*slot, 0, kernel, PollWindow(0));
    EXPECT_EQ(second.next()->seq, 2u);
}

TEST(PollWindow, ShrinksWhenItDoesNotPayAndGrowsBack)
{
    PollWindow window(6400);
    for (int i = 0; i < 20; ++i) {
        window.waited(1'000'000);
    }
    EXPECT_EQ(window.ticks(), 0u);
    window.waited(100);
    EXPECT_GT(window.ticks(), 0u);
    for (int i = 0; i < 20; ++i) {
        window.waited(100);
    }
    EXPECT_EQ(window.ticks(), 6400u);
    for (int i = 0; i < 40; ++i) {
        window.waited(1'000'000);
        window.ticks() != 0 ? window.caught() : void();
    }
    EXPECT_EQ(window.ticks(), 6400u) << "one that sleeps must try again";
    PollWindow never(0);
    never.waited(0);
    EXPECT_EQ(never.ticks(), 0u);
}
