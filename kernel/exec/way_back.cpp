// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <exec/rseq.hpp>
#include <exec/way_back.hpp>

namespace still {

namespace {

bool has_signals(Task& task, const arch::TrapFrame& frame, i32 nr)
{
    constexpr u64 restart_result = static_cast<u64>(-static_cast<i64>(Errno::restart));
    return signal_pending(task) || (nr >= 0 && (frame.rax == restart_result || task.restore_mask));
}

} // namespace

void attend(Task& task, arch::TrapFrame& frame, i32 nr)
{
    do {
        task.attention = false;
        wait_while_stopped(task);
        leave_if_dying(task);
        reschedule_if_needed();
        if (!task.may_run_on(this_cpu().arch.id))
            obey_affinity();
        if (has_signals(task, frame, nr))
            deliver_signals(task, frame, nr);
        rseq::on_return(task, frame);
        if (signal_pending(task))
            deliver_signals(task, frame, -1); // a bad rseq area is a SIGSEGV
        leave_if_dying(task);
    } while (task.attention); // it was switched away from meanwhile
    if (task.debug != nullptr) [[unlikely]]
        arch::load_debug(*task.debug);
}

} // namespace still
