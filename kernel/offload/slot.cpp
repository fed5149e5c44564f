// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <base/config.hpp>
#include <offload/ikc.hpp>
#include <offload/slot.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
constexpr u32 quick_polls = 50;
constexpr u64 interrupt_again_first_us = 300, interrupt_again_us = 5'000;
} // namespace

void Slot::bind(still_slot* slot, u32 proc, u32 index, u32 tid, u64 poll_ticks)
{
    slot_ = slot;
    proc_ = proc;
    index_ = index;
    seq_ = __atomic_load_n(&slot->seq, __ATOMIC_RELAXED);
    poll_max_ = poll_ticks != 0 ? poll_ticks : us_to_tsc(config::poll_us);
    poll_ = poll_max_;
    __atomic_store_n(&slot->tid, tid, __ATOMIC_RELEASE);
}

void Slot::unbind()
{
    __atomic_store_n(&slot_->tid, 0, __ATOMIC_RELEASE);
}

void Slot::wake_proxy()
{
    still_msg m{};
    m.kind = STILL_MSG_PROXY_WAKE;
    m.proc = proc_;
    m.arg[0] = index_;
    ikc::send(m);
}

void Slot::tell(const OffloadCall& call)
{
    post(call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
}

Result<i64> Slot::answer(const WaitConditions& until)
{
    Cpu& c = this_cpu();
    ++c.counters->syscalls_offloaded;
    // The answer of a call that does not wait, from a proxy that polls: nothing else is worth a look meanwhile.
    for (u32 i = 0; i < quick_polls && !somebody_waits(c); ++i) {
        cpu_pause();
        if (answered())
            return slot_->result;
    }
    return wait_longer(until);
}

Result<i64> Slot::wait_longer(const WaitConditions& until)
{
    const u64 start = arch::read_tsc();
    waiting_since_ = start;
    bool slept = false;
    u64 again_us = interrupt_again_first_us;
    while (!answered()) {
        if (until.abandon(until.context))
            return fail(Errno::intr);
        const bool interrupt = until.interrupt(until.context);
        if (!interrupt && !slept && arch::read_tsc() - start < poll_ && !somebody_waits(this_cpu())) {
            arch::interrupt_window();
            cpu_pause();
            continue;
        }
        if (interrupt) {
            still_msg m{};
            m.kind = STILL_MSG_PROXY_INTERRUPT;
            m.proc = proc_;
            m.arg[0] = index_;
            ikc::send(m);
        }
        slept = true;
        __atomic_store_n(&slot_->asleep, 1 + this_cpu().arch.id.value, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (answered())
            break;
        // An interrupt that reached the proxy before it began the call had no effect: repeat it.
        if (interrupt) {
            park_until(arch::read_tsc() + us_to_tsc(again_us));
            again_us = min(again_us * 2, interrupt_again_us);
        } else {
            park();
        }
    }
    slot_->asleep = 0;
    // An answer that would have come while polling is worth polling for next time, also if this time we slept;
    // or two sides that sleep would never find back to polling.
    if (arch::read_tsc() - start <= poll_max_)
        poll_ = poll_max_;
    else
        poll_ = max(poll_ / 2, poll_max_ / 16);
    return slot_->result;
}

} // namespace still
