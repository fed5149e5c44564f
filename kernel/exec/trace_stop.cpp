// SPDX-License-Identifier: BSD-2-Clause
// Where traced tasks stop, what of, and how they go on.
#include <arch/context.hpp>
#include <arch/layout.hpp>
#include <exec/trace_parts.hpp>
#include <exec/trace_registers.hpp>
#include <exec/way_back.hpp>

namespace still::trace {

namespace {

constexpr u64 trap_flag = 0x100;
constexpr u64 result_in_call = static_cast<u64>(-static_cast<i64>(Errno::nosys)); // as Linux shows it

bool is_to_be_killed(Task& task) NO_THREAD_SAFETY // a hint, as signal_pending() is
{
    const u64 set = task.signals.pending.set() | task.owner->pending.set();
    return task.owner->dying.load() || (set & signal_bit(sig_kill)) != 0;
}

struct Stop {
    u32 code; // signal, sysgood, event << 8: as wait(2) has it behind the first byte
    u64 message = 0;
    i32 why = cld_trapped;
    const SignalInfo* of = nullptr; // that it has taken
    bool has_info = true;
};

// The tracer is told; registers are shown already.
void begin_stop(Tracee& t, const Stop& stop) REQUIRES(lock)
{
    constexpr u32 stopped = 0x7f, signals = 0x7f;
    t.by_signal = stop.of != nullptr;
    t.has_info = stop.has_info;
    t.info = stop.of != nullptr ? *stop.of
                                : sent_signal(stop.code & signals, static_cast<i32>(stop.code), t.tid, t.uid);
    t.message = stop.message;
    t.signo = 0;
    t.owes_stop &= stop.of == nullptr || stop.of->signo != sig_stop;
    t.asked.store(false);
    t.status = stop.code << 8 | stopped;
    t.stops = t.untold = true;
    t.stopped.store(true);
    tell(t, stop.why, stop.code & signals);
}

void disarm(Tracee& t, arch::TrapFrame& frame) REQUIRES(lock)
{
    if (t.armed)
        frame.rflags &= ~trap_flag;
    t.armed = false;
}

bool is_let_wait(const Tracee& t, const Process& p)
{
    return t.listens.load() && !t.asked.load() && p.stopped.load() && p.continues.load() == t.saw_continues;
}

// How it went on.
struct Went {
    bool has_stopped = false;
    bool changed = false; // registers
    u32 signo = 0;
    u32 sender = 0, uid = 0;
    SignalInfo info;
};

// In a stop that has begun, of which only the task itself makes an end.
Went rest(Tracee& t, Task& task, arch::TrapFrame& frame, i32& nr)
{
    while ((t.stopped.load() || is_let_wait(t, *task.owner)) && !is_to_be_killed(task))
        park();
    Went went;
    Way way = Way::on;
    {
        LockGuard guard(lock);
        went = {true, take_registers(t, task, frame, nr), t.signo, t.sender, t.uid, t.info};
        t.stopped.store(false);
        t.listens.store(false);
        t.stops = t.untold = false;
        if (t.tracer == nullptr) {
            unlink(t);
            task.attention = true; // its process may be stopped
        } else {
            way = t.way;
            t.armed = way == Way::by_steps;
            frame.rflags |= t.armed ? trap_flag : 0;
        }
    }
    task.num_calls = way == Way::on ? max_calls : 0;
    choose_offload_way(task);
    return went;
}

constexpr Stop no_stop{.code = 0};

// choose(tracee): the stop, or no_stop.
template <class Choose> Went stop(Task& task, arch::TrapFrame& frame, i32& nr, Choose&& choose)
{
    Tracee* t;
    {
        LockGuard guard(lock);
        t = task.tracee;
        if (t == nullptr || t->tracer == nullptr || is_to_be_killed(task))
            return {};
        const Stop chosen = choose(*t);
        if (chosen.code == 0)
            return {};
        disarm(*t, frame);
        show_registers(*t, task, frame, nr);
        begin_stop(*t, chosen);
    }
    return rest(*t, task, frame, nr);
}

// For that event, if its tracer wants to see it.
Went stop_for_event(Task& task, arch::TrapFrame& frame, i32& nr, u32 event, u64 message)
{
    return stop(task, frame, nr, [=](const Tracee& t) {
        return wants(t, event) ? Stop{.code = sig_trap | event << 8, .message = message} : no_stop;
    });
}

// At a system call, if its tracer wants to see those.
void stop_at_call(Task& task, arch::TrapFrame& frame, i32& nr, u64 message)
{
    const Went went = stop(task, frame, nr, [=](const Tracee& t) {
        const u32 code = sig_trap | ((t.options & option_sysgood) != 0 ? sysgood : 0);
        return t.way == Way::to_calls ? Stop{.code = code, .message = message} : no_stop;
    });
    if (went.signo != 0)
        post_signal(*task.owner, &task, sent_signal(went.signo, si_kernel));
}

// No trap flag of a tracer's is in the frame. True: it goes by single steps.
bool stop_stepping(Task& task, arch::TrapFrame& frame)
{
    LockGuard guard(lock);
    Tracee* t = task.tracee;
    if (t == nullptr)
        return false;
    disarm(*t, frame);
    return t->way == Way::by_steps;
}

} // namespace

bool stop_for_signal(Task& task, arch::TrapFrame& frame, i32& nr, SignalInfo& info)
{
    constexpr u32 nr_getpid = 39;
    // Where Linux has killed the process its shared memory goes first, and the LWK hears of it later.
    if (info.code > 0 && !offload_quickly(task, nr_getpid))
        return false;
    const Went went =
        stop(task, frame, nr, [&](const Tracee&) { return Stop{.code = info.signo, .of = &info}; });
    if (!went.has_stopped)
        return false;
    if (went.signo == 0 || went.signo == went.info.signo)
        info = went.info;
    else
        info = sent_signal(went.signo, si_user, went.sender, went.uid);
    info.signo = went.signo;
    return went.changed;
}

bool stop_if_told(Task& task, arch::TrapFrame& frame, i32& nr)
{
    const Process& p = *task.owner;
    const auto choose = [&p](Tracee& t) {
        const bool is_stopped = p.stopped.load();
        const u32 continues = p.continues.load();
        const bool went_on = continues != t.saw_continues;
        const bool is_news = is_stopped ? !t.saw_stop || went_on : t.seized && went_on;
        t.saw_stop = is_stopped;
        t.saw_continues = continues;
        if (!is_news && !(t.seized && t.asked.load()))
            return no_stop;
        const u32 known = p.stop_signo.load();
        const u32 signo = !is_stopped ? u32{sig_trap} : known != 0 ? known : u32{sig_stop};
        return Stop{
            .code = signo | (t.seized ? event_stop << 8 : 0), .why = cld_stopped, .has_info = t.seized};
    };
    bool changed = false;
    for (;;) {
        task.trap.store(false);
        const Went went = stop(task, frame, nr, choose);
        if (!went.has_stopped)
            return changed;
        changed |= went.changed;
    }
}

void disarm(Task& task, arch::TrapFrame& frame)
{
    if (task.tracee != nullptr)
        (void)stop_stepping(task, frame);
}

bool stop_in_handler(Task& task, arch::TrapFrame& frame)
{
    i32 nr = -1;
    return stop(task, frame, nr,
                [](const Tracee& t) { return t.way == Way::by_steps ? Stop{.code = sig_trap} : no_stop; })
        .changed;
}

void enter_call(Task& task, arch::TrapFrame& frame, i32& nr)
{
    (void)stop_stepping(task, frame);
    stop_at_call(task, frame, nr, message_entry);
    (void)stop_stepping(task, frame); // what the call copies has none either
    if (is_to_be_killed(task))
        nr = -1;
}

void leave_call(Task& task, arch::TrapFrame& frame, i32& nr)
{
    if (stop_stepping(task, frame)) // the step is over, as the CPU would say it
        (void)force_signal(task, fault_signal(sig_trap, trap_brkpt, frame.rip));
    else
        stop_at_call(task, frame, nr, message_exit);
}

void stop_before_end(Task& task, arch::TrapFrame& frame, u64 status)
{
    i32 nr = static_cast<i32>(frame.vector);
    (void)stop_for_event(task, frame, nr, event_exit, status);
}

void stop_for_child(Task& task, arch::TrapFrame& frame, u32 event, u32 child, u64 result)
{
    i32 nr = static_cast<i32>(frame.vector);
    Tracee* begun = nullptr;
    {
        LockGuard guard(lock);
        if (task.tracee != nullptr && task.tracee->stops) // by stop_parent()
            begun = task.tracee;
    }
    name_child_of(task, child, child);
    frame.rax = result_in_call;
    Went went;
    if (begun != nullptr)
        went = rest(*begun, task, frame, nr);
    else if (event != event_vfork)
        went = stop_for_event(task, frame, nr, event, child);
    if (event == event_vfork)
        went.has_stopped |= stop_for_event(task, frame, nr, event_vfork_done, child).has_stopped;
    if (!went.has_stopped)
        return;
    frame.rax = result;
    leave_call(task, frame, nr);
    attend(task, frame, nr);
    arch::still_enter_user(&frame);
}

void stop_parent(u32 parent_tid, const Task& child, u32 event)
{
    const u32 space = child.owner->page->pid_namespace;
    LockGuard guard(lock);
    for (Tracee* t = tracees; t != nullptr; t = t->next) {
        if (t->tid != parent_tid || t->pid_namespace != space || t->task == nullptr || !wants(*t, event) ||
            !t->task->awaits_child.load() || t->task->ending)
            continue;
        const arch::TrapFrame& frame = user_frame(*t->task);
        show_saved_registers(*t, *t->task, frame, static_cast<i32>(frame.vector));
        t->regs.rax = result_in_call;
        begin_stop(*t, {.code = sig_trap | event << 8, .message = child.tid});
        return;
    }
}

void stop_after_exec(Task& task, arch::TrapFrame& frame)
{
    i32 nr = nr_execve;
    u64 tid = 0;
    {
        LockGuard guard(lock);
        Tracee* t = task.tracee;
        if (t == nullptr || !t->executes)
            return;
        t->executes = false;
        tid = t->message;
        if (!wants(*t, event_exec) && !t->seized) {
            LockGuard inner(task.owner->lock);
            task.signals.pending.add(sent_signal(sig_trap, si_user, t->pid, t->uid));
        }
    }
    (void)stop_for_event(task, frame, nr, event_exec, tid);
    leave_call(task, frame, nr);
}

void stop_process(Process& p, u32 signo, u32 continues)
{
    LockGuard guard(p.lock);
    if (p.continues.load() != continues)
        return;
    p.stop_signo.store(signo);
    p.stopped.store(true);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
        if (t->tracee != nullptr)
            t->trap.store(true);
        unpark(*t);
        kick(*t);
    }
}

} // namespace still::trace
