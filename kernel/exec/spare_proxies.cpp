// SPDX-License-Identifier: BSD-2-Clause
#include <exec/spare_proxies.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

void end_proxy(Process& p, u32 number)
{
    still_slot& shared = slot_at(p, number);
    Slot slot;
    slot.bind(&shared, p.handle, number, shared.tid, 0);
    slot.tell({STILL_CALL_THREAD_EXIT, {}});
    slot.unbind();
}

// 0: there is none.
u32 take_one(Process& p)
{
    LockGuard guard(p.lock);
    return p.num_spares != 0 ? p.spares[--p.num_spares] : 0;
}

} // namespace

// Alone there is no proxy; the main thread's is the process, and a guest's is one.
bool may_spare_proxy(const Task& task)
{
    const Process& p = *task.owner;
    return !ikc::is_served_locally() && p.host == nullptr && task.slot.index() != 0 && task.robust_told == 0;
}

bool add_spare_proxy(Process& p, u32 slot)
{
    if (p.num_spares == max_spares || p.dying.load())
        return false;
    p.spares[p.num_spares++] = slot;
    return true;
}

Result<Place> take_spare_proxy(Task& parent)
{
    Process& p = *parent.owner;
    const u32 slot = take_one(p);
    if (slot == 0)
        return fail(Errno::again);
    still_msg m{};
    m.kind = STILL_MSG_PROXY_ALIKE;
    m.proc = p.handle;
    m.arg[0] = parent.slot.index();
    m.arg[1] = slot;
    if (const auto alike = ikc::ask(m, nullptr, patience_of(p)); !alike) {
        end_proxy(p, slot);
        return fail(alike.error());
    }
    return Place{slot, slot_at(p, slot).tid};
}

void return_spare_proxy(Process& p, u32 slot)
{
    bool kept;
    {
        LockGuard guard(p.lock);
        kept = add_spare_proxy(p, slot);
    }
    if (!kept)
        end_proxy(p, slot);
}

bool is_spare_proxy(Process& p, u32 tid)
{
    u32 slots[max_spares];
    u32 count;
    {
        LockGuard guard(p.lock);
        count = p.num_spares;
        __builtin_memcpy(slots, p.spares, sizeof(slots));
    }
    for (u32 i = 0; i < count; ++i)
        if (slot_at(p, slots[i]).tid == tid)
            return true;
    return false;
}

void end_spare_proxies(Process& p)
{
    while (const u32 slot = take_one(p))
        end_proxy(p, slot);
}

} // namespace still
