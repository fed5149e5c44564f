// SPDX-License-Identifier: BSD-2-Clause
// Groups of processes that see each other's memory (stillcore/peers.h, docs/smartmap.md).
#pragma once

#include <exec/process.hpp>
#include <exec/user_memory.hpp>
#include <stillcore/peers.h>

namespace still {

struct PeerGroup;

// Of a process that nobody knows yet and no CPU has loaded, as its page says. A process of the same rank that is on its
// way out gives way.
Status join_peers(Process& p);
// Its slots show nothing any more; CPUs may have translations until the next shoot_down() of its space.
void leave_peers(Process& p);
// Likewise, and none has: whoever waits for its end in Linux finds its slot empty.
void vanish_from_peers(Process& p);
// Is that rank another process's, which is not on its way out?
[[nodiscard]] bool has_peer(u32 group, u32 rank, u32 own_pid);
// When no CPU has a translation of its memory: the group goes with its last member.
void forget_peers(Process& p);

// A peer's process; it stays while this lives.
class HeldPeer {
  public:
    HeldPeer(Process& asker, u32 rank);
    ~HeldPeer();
    HeldPeer(const HeldPeer&) = delete;
    HeldPeer& operator=(const HeldPeer&) = delete;
    explicit operator bool() const { return process_ != nullptr; }
    Process* operator->() const { return process_; }
    Process& operator*() const { return *process_; }
    [[nodiscard]] still_peers_right right() const { return right_; }

  private:
    Process* process_ = nullptr;
    still_peers_right right_ = STILL_PEERS_NOTHING;
};

// Where an address in a slot leads.
struct PeerAddress {
    u32 rank;
    UserAddr address;
    bool read_only;
};
// By how much a rank is shifted.
[[nodiscard]] u32 peers_shift();
// false: it lies in none of this process's slots.
[[nodiscard]] bool is_of_peer(const Process& p, u64 address, PeerAddress& where);
// A fault there: the peer's page is made present as for the peer itself.
FaultError resolve_peer_fault(Process& p, const PeerAddress& where, u64 address, Access access);

// What a process has exported, until it withdraws it or ends. Numbers are above 0, and not used again soon.
Result<u32> export_to_peers(Process& p, const still_peers_export& part);
Status withdraw_from_peers(Process& p, u64 number);
Result<still_peers_export> import_from_peer(Process& p, u64 rank, u64 number);

// How many there are now.
[[nodiscard]] u32 count_peers(Process& p);
Status share_with_peers(Process& p, still_peers_right right);

} // namespace still
