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
    Result<i64> call(const OffloadCall& call, const WaitConditions& until)
    {
        post(call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
        return answer(until);
    }
    // Its two halves.
    [[gnu::always_inline]] void post(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
    {
        still_slot& s = *slot_;
        s.nr = nr;
        s.arg[0] = a0;
        s.arg[1] = a1;
        s.arg[2] = a2;
        s.arg[3] = a3;
        s.arg[4] = a4;
        s.arg[5] = a5;
        // A full barrier: pairs with the proxy's fence between setting proxy_asleep and looking at seq again.
        posted(__atomic_add_fetch(&s.seq, 1, __ATOMIC_SEQ_CST));
    }
    // The system call entry has done the same up to here (cpu/entry.S).
    [[gnu::always_inline]] void posted(u32 seq)
    {
        seq_ = seq;
        if (__atomic_load_n(&slot_->proxy_asleep, __ATOMIC_RELAXED) != 0) [[unlikely]]
            wake_proxy();
    }
    Result<i64> answer(const WaitConditions& until);
    // A request that has no answer (exit).
    void tell(const OffloadCall& call);
    // The slot may be used again once the proxy has touched it for the last time.
    void unbind();
    [[nodiscard]] u32 index() const { return index_; }
    [[nodiscard]] still_slot* shared() const { return slot_; }
    // Since when the last call that did not get its answer at once has waited for it, TSC.
    [[nodiscard]] u64 waiting_since() const { return waiting_since_; }

  private:
    void wake_proxy();
    [[nodiscard]] bool answered() const
    {
        return __atomic_load_n(&slot_->answer_seq, __ATOMIC_ACQUIRE) == seq_;
    }
    Result<i64> wait_longer(const WaitConditions& until);

    still_slot* slot_ = nullptr;
    u32 proc_ = 0;
    u32 index_ = 0;
    u32 seq_ = 0;
    u64 waiting_since_ = 0;
    u64 poll_max_ = 0;
    u64 poll_ = 0; // present window, TSC ticks: the whole after a short wait, half after a long one
};

} // namespace still
