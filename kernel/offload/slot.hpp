// SPDX-License-Identifier: BSD-2-Clause
// A thread's offload slot: the LWK's half of the protocol in stillcore/slot.h.
#pragma once

#include <base/result.hpp>
#include <stillcore/slot.h>

namespace still {

// What a waiting thread must react to. Called often, without locks.
struct WaitConditions {
    bool (*abandon)(void* context);   // the process is ending: leave the call alone
    bool (*interrupt)(void* context); // a signal wants to be delivered
    void* context;
};

struct OffloadCall {
    u32 nr = 0;
    u64 arg[6] = {};
};

class Slot {
  public:
    // slot: mapped; proc and index name it to the module.
    void bind(still_slot* slot, u32 proc, u32 index, u32 tid, u64 poll_ticks);
    // The proxy's result, or intr if the wait was abandoned. May wait.
    Result<i64> call(const OffloadCall& call, const WaitConditions& until);
    // A request that has no answer (exit).
    void tell(const OffloadCall& call);
    // The slot may be used again once the proxy has touched it for the last time.
    void unbind();
    [[nodiscard]] u32 index() const { return index_; }

  private:
    void post(const OffloadCall& call);
    [[nodiscard]] bool answered() const;

    still_slot* slot_ = nullptr;
    u32 proc_ = 0;
    u32 index_ = 0;
    u32 seq_ = 0;
    u64 poll_max_ = 0;
    u64 poll_ = 0; // present window, TSC ticks: the whole after a short wait, half after a long one
};

} // namespace still
