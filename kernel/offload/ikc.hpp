// SPDX-License-Identifier: BSD-2-Clause
// IKC: messages to and from the Linux module over this CPU's ring pair (stillcore/ikc.h).
#pragma once

#include <base/result.hpp>
#include <sched/cpu.hpp>
#include <stillcore/ikc.h>
#include <stillcore/shared.h>

namespace still::ikc {

// Who handles messages; set once at boot.
struct Handlers {
    // In the doorbell interrupt: must not wait. true if the message was one of its kinds.
    bool (*immediate)(const still_msg& m);
    // In the CPU's service thread: may wait.
    void (*deferred)(const still_msg& m);
};

void init(still_shared* shared, Handlers handlers);

// Who answers when there is no Linux, in the calling thread: the local services. A request that lies in a slot comes
// as its STILL_MSG_PROXY_WAKE: alone every proxy sleeps.
struct LocalEnd {
    void (*send)(const still_msg& m);
    Result<u64> (*ask)(const still_msg& m, u64* extra);
};
void serve_locally(const LocalEnd& end);
[[nodiscard]] bool is_served_locally();
// Memory that the other side lends: Linux's, into the direct map; alone it is the instance's own, and there already.
// inval: it is the wrong side's.
Status borrow(PhysAddr at, u64 bytes);
void give_back(PhysAddr at, u64 bytes);
// Connects a CPU's end and makes its service thread. false: no memory.
bool attach(Cpu& c, still_ring_pair* rings);
// The doorbell interrupt, or a poll for it.
void drain();

// Sends through this CPU's ring. Waits, with interrupts let in, while the ring is full. No lock is held.
void send(const still_msg& m);
// Sends, and waits for the reply, at first by polling: patience, TSC ticks. The reply's arg[0] as error or value;
// arg[1] in *extra.
Result<u64> ask(still_msg m, u64* extra = nullptr, u64 patience = 0);
// Answers a request of Linux's.
void reply(const still_msg& request, i64 status, u64 value = 0);
// The same with all five words behind the status.
void reply_with(const still_msg& request, i64 status, const u64 (&values)[5]);
// Linux is told soon that signals of this set are pending (STILL_MSG_SIGNAL_NEWS). Any context, any lock.
void announce_signals(u64 set);
// Rings Linux's doorbell, whatever the rings hold (panic, shutdown).
void ring_doorbell();

} // namespace still::ikc
