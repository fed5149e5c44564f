// SPDX-License-Identifier: BSD-2-Clause
// TSan does not model the fences of the sleep protocol; the cells' order hangs on acquire and release alone.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wtsan"
#endif

#include <gtest/gtest.h>
#include <memory>
#include <semaphore>
#include <stillcore/ring.h>
#include <thread>

namespace {

struct Fixture {
    std::unique_ptr<still_ring> ring = std::make_unique<still_ring>();
    still_ring_end producer{ring.get(), 0};
    still_ring_end consumer{ring.get(), 0};
    Fixture() { still_ring_init(ring.get()); }
};

still_cell cell(uint64_t n)
{
    still_cell c{};
    for (uint64_t& w : c.word)
        w = n;
    return c;
}

} // namespace

TEST(Ring, KeepsOrderAndReportsFullAndEmpty)
{
    Fixture f;
    still_cell out;
    EXPECT_EQ(still_ring_pop(&f.consumer, &out), STILL_RING_EMPTY);
    for (int round = 0; round < 3; ++round) {
        for (uint64_t i = 0; i < STILL_RING_CELLS; ++i) {
            const still_cell c = cell(i);
            ASSERT_EQ(still_ring_push(&f.producer, &c), STILL_RING_OK);
        }
        const still_cell extra = cell(99);
        EXPECT_EQ(still_ring_push(&f.producer, &extra), STILL_RING_FULL);
        for (uint64_t i = 0; i < STILL_RING_CELLS; ++i) {
            ASSERT_EQ(still_ring_pop(&f.consumer, &out), STILL_RING_OK);
            ASSERT_EQ(out.word[7], i);
        }
        EXPECT_EQ(still_ring_pop(&f.consumer, &out), STILL_RING_EMPTY);
    }
}

TEST(Ring, IndicesWrap)
{
    Fixture f;
    f.ring->head = f.ring->tail = f.producer.index = f.consumer.index = ~0u - 5;
    still_cell out;
    for (uint64_t i = 0; i < 20; ++i) {
        const still_cell c = cell(i);
        ASSERT_EQ(still_ring_push(&f.producer, &c), STILL_RING_OK);
        ASSERT_EQ(still_ring_pop(&f.consumer, &out), STILL_RING_OK);
        ASSERT_EQ(out.word[0], i);
    }
}

TEST(Ring, AHostilePeerIsNoticed)
{
    Fixture f;
    still_cell out;
    f.ring->tail = STILL_RING_CELLS + 1;
    EXPECT_EQ(still_ring_pop(&f.consumer, &out), STILL_RING_CORRUPT);
    f.ring->tail = 0;
    f.ring->head = 1; // consumed what was never produced
    const still_cell c = cell(1);
    EXPECT_EQ(still_ring_push(&f.producer, &c), STILL_RING_CORRUPT);
}

// The doorbell rule: a consumer that went to sleep on an empty ring is always rung.
TEST(Ring, TwoThreadsLoseNeitherCellsNorWakeups)
{
    Fixture f;
    constexpr uint64_t total = 200'000;
    std::counting_semaphore<> doorbell(0);
    std::thread consumer([&] {
        still_cell out;
        uint64_t expected = 0;
        while (expected < total) {
            still_ring_awake(&f.consumer);
            do {
                while (still_ring_pop(&f.consumer, &out) == STILL_RING_OK) {
                    ASSERT_EQ(out.word[0], expected);
                    ASSERT_EQ(out.word[7], expected);
                    ++expected;
                }
            } while (expected < total && still_ring_sleep(&f.consumer) == 0);
            if (expected < total) {
                ASSERT_TRUE(doorbell.try_acquire_for(std::chrono::seconds(30)))
                    << "lost wakeup at " << expected;
            }
        }
    });
    for (uint64_t i = 0; i < total; ++i) {
        const still_cell c = cell(i);
        while (still_ring_push(&f.producer, &c) != STILL_RING_OK)
            std::this_thread::yield();
        if (still_ring_must_notify(&f.producer))
            doorbell.release();
    }
    consumer.join();
}
