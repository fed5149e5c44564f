// SPDX-License-Identifier: BSD-2-Clause
// The LWK's half of signalfd(2): the file is the module's, what is read from it are signals that pend here.
#include <exec/process.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

u64 pair(u32 low, u32 high)
{
    return low | static_cast<u64>(high) << 32;
}

} // namespace

// For the process or the guest of its that has a thread with that id.
TakenSignal take_signal(Process& p, u32 tid, u64 set, bool only_look)
{
    LockGuard guard(p.lock);
    TakenSignal found;
    if (Task* task = find_task(p, tid); task != nullptr) {
        found.task = true;
        p.announced_signals |= set;
        if (only_look) {
            const u64 ready = (task->signals.pending.set() | p.pending.set()) & set;
            found.signo = ready != 0 ? static_cast<u32>(__builtin_ctzll(ready)) + 1 : 0;
        } else if (accept_locked(*task, set, found.info)) {
            found.signo = found.info.signo;
        }
        return found;
    }
    for (Process* g = p.guests; g != nullptr && !found.task; g = g->next_guest)
        found = take_signal(*g, tid, set, only_look);
    return found;
}

void serve_signalfd(Process& p, const still_msg& m)
{
    const TakenSignal found =
        take_signal(p, static_cast<u32>(m.arg[1]), m.arg[0] & ~unblockable, m.arg[2] == 1);
    const SignalInfo& i = found.info;
    ikc::reply_with(m, found.task ? static_cast<i64>(found.signo) : -static_cast<i64>(Errno::srch),
                    {pair(static_cast<u32>(i.code), static_cast<u32>(i.error)), pair(i.pid, i.uid), i.value,
                     i.rest[0], i.rest[1]});
}

} // namespace still
