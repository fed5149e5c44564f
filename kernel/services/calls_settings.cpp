// SPDX-License-Identifier: BSD-2-Clause
// What a process sets for itself and nothing else depends on: prctl(2), priorities, personality(2).
#include <services/calls.hpp>

namespace still::services {

namespace {

// Settings of one word: their numbers to set and get, what they may be, and where they are kept.
struct Setting {
    u64 set, get, most;
    u64 Client::* word;
    bool through_pointer;
};
constexpr Setting settings[] = {
    {1, 2, num_signals, &Client::death_signal, true},
    {4, 3, 1, &Client::dumpable, false},
    {8, 7, 1, &Client::keep, false},
    {36, 37, 1, &Client::subreaper, true},
    {38, 39, 1, &Client::no_new_privs, false},
    {41, 42, 1, &Client::no_thp, false},
};

bool is_thread_of(Client& client, u32 tid)
{
    bool found = false;
    with_process(client, [&](Process& p) {
        LockGuard guard(p.lock);
        found = find_task(p, tid) != nullptr;
    });
    return found;
}

} // namespace

Served serve_prctl(Client& client, const Args& a)
{
    constexpr u64 set_name = 15, get_name = 16, get_seccomp = 21, cap_read = 23, get_timing = 13,
                  set_timing = 14, get_tsc = 25, set_tsc = 26, get_securebits = 27, set_slack = 29,
                  get_slack = 30;
    for (const Setting& s : settings) {
        if (a[0] == s.set) {
            if (a[1] > s.most || (s.set == 38 && a[1] != 1))
                return fail(Errno::inval);
            client.*s.word = a[1];
            return 0;
        }
        if (a[0] == s.get) {
            if (!s.through_pointer)
                return client.*s.word;
            TRY_STATUS(UserOut<u32>(a[1]).write(static_cast<u32>(client.*s.word)));
            return 0;
        }
    }
    switch (a[0]) {
    case set_name: {
        char name[16] = {};
        for (u32 i = 0; i < 15; ++i) {
            name[i] = TRY(UserIn<char>(a[1]).read(i));
            if (name[i] == '\0')
                break;
        }
        return set_thread_name(client, current_task().tid, name) ? Served(0) : fail(Errno::nomem);
    }
    case get_name: {
        char name[16];
        get_thread_name(client, current_task().tid, name);
        TRY_STATUS(copy_to_user(a[1], name, sizeof(name)));
        return 0;
    }
    case get_seccomp:
    case get_timing:
    case get_securebits:
        return 0;
    case set_timing:
        return a[1] == 0 ? Served(0) : fail(Errno::inval);
    case cap_read:
        return a[1] <= 40 ? Served(1) : fail(Errno::inval);
    case get_tsc:
        TRY_STATUS(UserOut<u32>(a[1]).write(1));
        return 0;
    case set_tsc:
        return 0;
    case set_slack:
        client.timer_slack = a[1] != 0 ? a[1] : 50000;
        return 0;
    case get_slack:
        return client.timer_slack;
    default:
        return fail(Errno::inval);
    }
}

Served serve_personality(Client& client, const Args& a)
{
    constexpr u64 question = 0xffffffff;
    const u64 old = client.personality;
    if (static_cast<u32>(a[0]) != question)
        client.personality = static_cast<u32>(a[0]);
    return old;
}

// Of one process, or of the caller.
Served serve_getpriority(Client& client, const Args& a)
{
    if (a[0] > 2)
        return fail(Errno::inval);
    if (a[0] != 0 || a[1] == 0)
        return static_cast<u64>(20 - client.nice);
    const ClientRef other = hold_client(static_cast<u32>(a[1]));
    return static_cast<u64>(20 - (other ? other->nice : client.nice)); // a thread's number else
}

Served serve_setpriority(Client& client, const Args& a)
{
    if (a[0] > 2)
        return fail(Errno::inval);
    const i32 nice = max(-20, min(19, static_cast<i32>(a[2])));
    const ClientRef other = a[0] == 0 && a[1] != 0 ? hold_client(static_cast<u32>(a[1])) : ClientRef();
    if (a[0] == 0 && a[1] != 0 && !other && !is_thread_of(client, static_cast<u32>(a[1])))
        return fail(Errno::srch);
    (other ? *other : client).nice = nice;
    return 0;
}

Served serve_ioprio_get(Client& client, const Args&)
{
    return client.io_priority;
}

Served serve_ioprio_set(Client& client, const Args& a)
{
    client.io_priority = static_cast<u32>(a[2]);
    return 0;
}

Served serve_sched_get_priority_max(Client&, const Args& a)
{
    return a[0] == 1 || a[0] == 2 ? Served(99) : a[0] <= 6 && a[0] != 4 ? Served(0) : fail(Errno::inval);
}

Served serve_sched_get_priority_min(Client&, const Args& a)
{
    return a[0] == 1 || a[0] == 2 ? Served(1) : a[0] <= 6 && a[0] != 4 ? Served(0) : fail(Errno::inval);
}

// Scheduling of another process's threads: there is nobody to be asked for it.
Served serve_sched_of_other(Client&, const Args& a)
{
    const auto tid = static_cast<u32>(a[0]);
    for (u32 pid = 0;;) {
        ClientRef next;
        {
            LockGuard guard(clients_lock);
            for (Client* c = all_clients; c != nullptr; c = c->next)
                if (c->pid > pid && (!next || c->pid < next->pid))
                    next = ClientRef::share(c);
        }
        if (!next)
            return fail(Errno::srch);
        if (is_thread_of(*next, tid))
            return fail(Errno::nosys);
        pid = next->pid;
    }
}

// With a clock that is none of those that there are.
// Of a clock that the LWK knows not: one that there is, by which nobody can sleep, or none.
Served serve_clock_nanosleep(Client&, const Args& a)
{
    constexpr u64 monotonic_raw = 4, monotonic_coarse = 6;
    return fail(a[0] >= monotonic_raw && a[0] <= monotonic_coarse ? Errno::opnotsupp : Errno::inval);
}

Served serve_set_robust_list(Client&, const Args&)
{
    return 0; // the LWK itself looks through it at a thread's end
}

} // namespace still::services
