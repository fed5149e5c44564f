// SPDX-License-Identifier: BSD-2-Clause
// The slots of a process, one for each of its tasks.
#include <arch/layout.hpp>
#include <exec/process.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

still_slot& slot_locked(Process& p, u32 index) REQUIRES(p.lock)
{
    if (index < p.num_slots)
        return p.slots[index];
    index -= p.num_slots;
    return p.more_slots[index / STILL_MORE_SLOTS].slots[index % STILL_MORE_SLOTS];
}

// A slot that no task has and whose last proxy has left. 0: all are taken.
u32 find_slot(Process& p)
{
    LockGuard guard(p.lock);
    const u32 count = p.num_slots + p.num_more * STILL_MORE_SLOTS;
    for (u32 n = 0; n < count; ++n) {
        const u32 i = p.slot_hint < count ? p.slot_hint : 0;
        p.slot_hint = i + 1;
        still_slot& s = slot_locked(p, i);
        if (i != 0 && __atomic_load_n(&s.tid, __ATOMIC_ACQUIRE) == 0 &&
            __atomic_load_n(&s.answer_seq, __ATOMIC_ACQUIRE) == s.seq) {
            __atomic_store_n(&s.tid, ~0u, __ATOMIC_RELEASE); // taken; the thread id follows
            return i;
        }
    }
    return 0;
}

// Has Linux lend one more chunk of slots.
Status grow_slots(Process& p)
{
    u32 chunk;
    {
        LockGuard guard(p.lock);
        chunk = p.num_more;
    }
    if (chunk == STILL_MAX_CHUNKS - 1)
        return fail(Errno::again);
    still_msg m{};
    m.kind = STILL_MSG_SLOTS_GROW;
    m.proc = p.handle;
    m.arg[0] = chunk + 1;
    u64 where = 0;
    if (!ikc::ask(m, &where))
        return fail(Errno::again);
    const PhysAddr start(where);
    if (!start.aligned(page_size))
        return fail(Errno::again);
    LockGuard guard(p.lock);
    if (p.num_more != chunk)
        return {}; // another thread was first
    TRY_STATUS(ikc::borrow(start, STILL_MORE_SLOTS * sizeof(still_slot)));
    p.more_slots[chunk] = {arch::direct<still_slot>(start), start};
    p.num_more = chunk + 1;
    return {};
}

} // namespace

still_slot& slot_at(Process& p, u32 index)
{
    Process& owner = p.host != nullptr ? *p.host : p;
    LockGuard guard(owner.lock);
    return slot_locked(owner, index);
}

Result<u32> take_slot(Process& p)
{
    for (;;) {
        if (const u32 slot = find_slot(p); slot != 0)
            return slot;
        TRY_STATUS(grow_slots(p));
    }
}

void give_slot_back(Process& p, u32 slot)
{
    __atomic_store_n(&slot_at(p, slot).tid, 0, __ATOMIC_RELEASE);
}

} // namespace still
