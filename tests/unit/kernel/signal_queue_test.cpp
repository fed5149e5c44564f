// SPDX-License-Identifier: BSD-2-Clause
#include <exec/signal_queue.hpp>
#include <gtest/gtest.h>

using namespace still;

namespace {

constexpr u32 rt = first_real_time + 2;

SignalInfo numbered(u32 signo, u64 value)
{
    SignalInfo info = sent_signal(signo, -1);
    info.value = value;
    return info;
}

u64 next(SignalQueue& q, u32 signo)
{
    SignalInfo info;
    (void)q.take(signo, info);
    return info.value;
}

} // namespace

TEST(SignalQueue, MergesStandardSignals)
{
    SignalQueue q;
    q.add(numbered(10, 1));
    q.add(numbered(10, 2));
    EXPECT_EQ(q.set(), signal_bit(10));
    EXPECT_EQ(next(q, 10), 1u);
    EXPECT_EQ(q.set(), 0u);
}

TEST(SignalQueue, ShowsWhatWaits)
{
    SignalQueue q;
    QueuedSignal nodes[3];
    SignalInfo info;
    EXPECT_FALSE(q.look(0, info));
    for (u32 i = 0; i < 3; ++i) {
        nodes[i].info = numbered(rt, i);
        q.append(nodes[i]);
    }
    q.add(numbered(10, 7));
    const u64 expected[] = {7, 0, 1, 2};
    for (u32 i = 0; i < 4; ++i) {
        EXPECT_TRUE(q.look(i, info));
        EXPECT_EQ(info.value, expected[i]);
    }
    EXPECT_FALSE(q.look(4, info));
    EXPECT_EQ(next(q, rt), 0u);
}

TEST(SignalQueue, KeepsTheOrderOfOneNumber)
{
    SignalQueue q;
    QueuedSignal nodes[4];
    const u32 numbers[] = {rt, rt + 1, rt, rt};
    for (u32 i = 0; i < 4; ++i) {
        nodes[i].info = numbered(numbers[i], i);
        q.append(nodes[i]);
    }
    EXPECT_EQ(next(q, rt), 0u);
    EXPECT_EQ(next(q, rt), 2u);
    EXPECT_EQ(next(q, rt + 1), 1u);
    EXPECT_EQ(q.set(), signal_bit(rt));
    EXPECT_FALSE(nodes[2].queued);
    EXPECT_TRUE(nodes[3].queued);
}

TEST(SignalQueue, WhatIsKeptInTheQueueComesBeforeLaterNodes)
{
    SignalQueue q;
    QueuedSignal node;
    node.info = numbered(14, 2);
    q.add(numbered(14, 1));
    q.append(node);
    EXPECT_EQ(next(q, 14), 1u);
    EXPECT_EQ(q.set(), signal_bit(14));
    EXPECT_EQ(next(q, 14), 2u);
    EXPECT_EQ(q.set(), 0u);
}

TEST(SignalQueue, ForgetsAndGivesTheNodesBack)
{
    SignalQueue q;
    QueuedSignal nodes[3];
    for (u32 i = 0; i < 3; ++i) {
        nodes[i].info = numbered(i < 2 ? rt : rt + 1, i);
        q.append(nodes[i]);
    }
    q.add(numbered(1, 7));
    QueuedSignal* freed = nullptr;
    q.discard(signal_bit(rt) | signal_bit(1), freed);
    u32 count = 0;
    for (; freed != nullptr; freed = freed->next)
        ++count;
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(q.set(), signal_bit(rt + 1));
}

TEST(SignalQueue, RemovesFromTheMiddle)
{
    SignalQueue q;
    QueuedSignal nodes[3];
    for (u32 i = 0; i < 3; ++i) {
        nodes[i].info = numbered(rt, i);
        q.append(nodes[i]);
    }
    q.remove(nodes[2]);
    q.remove(nodes[0]);
    EXPECT_EQ(next(q, rt), 1u);
    EXPECT_EQ(q.set(), 0u);
    q.append(nodes[0]);
    EXPECT_EQ(next(q, rt), 0u);
}
