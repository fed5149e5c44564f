// SPDX-License-Identifier: BSD-2-Clause
// wait4(2) and waitid(2), signals between processes, and job control.
#include <services/calls.hpp>

namespace still::services {

namespace {

constexpr u64 wnohang = 1, wuntraced = 2, wexited = 4, wcontinued = 8, wnowait = 0x01000000,
              wnothread = 0x20000000, wall = 0x40000000, wclone = 0x80000000;
constexpr u64 p_all = 0, p_pid = 1, p_pgid = 2;
constexpr u32 status_stopped = 0x7f, status_continued = 0xffff;

struct Wanted {
    u64 type;
    u32 id;
    u64 options;
};

struct News {
    u32 pid = 0;
    u32 status = 0;
    u64 used_ns = 0, peak_rss = 0, faults = 0;
    ClientRef gone; // its number is free
};

bool is_meant(const Client& child, const Wanted& w)
{
    if ((w.options & wall) == 0 && (child.exit_signal != sig_chld) != ((w.options & wclone) != 0))
        return false;
    return w.type == p_all || (w.type == p_pid && child.pid == w.id) ||
           (w.type == p_pgid && child.group == w.id);
}

// child: there is none that could ever have news. true: there are.
Result<bool> look(Client& parent, const Wanted& w, News& news)
{
    LockGuard guard(clients_lock);
    bool any = false;
    for (Client* c = all_clients; c != nullptr; c = c->next) {
        if (c->parent != &parent || !is_meant(*c, w))
            continue;
        any = true;
        news.pid = c->pid;
        if (c->state == Client::State::zombie && (w.options & wexited) != 0) {
            news.status = c->status;
            news.used_ns = c->used_ns + c->children_ns;
            news.peak_rss = max(c->peak_rss, c->children_rss);
            news.faults = c->faults + c->children_faults;
            if ((w.options & wnowait) == 0) {
                parent.children_ns += news.used_ns;
                parent.children_rss = max(parent.children_rss, news.peak_rss);
                parent.children_faults += news.faults;
                c->parent = nullptr; // nobody else takes it
                news.gone = ClientRef::share(c);
            }
            return true;
        }
        bool* told = nullptr;
        if (c->tell_stop && (w.options & wuntraced) != 0) {
            news.status = c->stop_signal << 8 | status_stopped;
            told = &c->tell_stop;
        } else if (c->tell_go_on && (w.options & wcontinued) != 0) {
            news.status = status_continued;
            told = &c->tell_go_on;
        }
        if (told == nullptr)
            continue;
        *told = *told && (w.options & wnowait) != 0;
        return true;
    }
    return any ? Result<bool>(false) : fail(Errno::child);
}

// pid 0: nothing, with WNOHANG.
Status wait_for_news(Client& client, const Wanted& w, News& news)
{
    Result<bool> found = false;
    TRY_STATUS(wait_until(client.children, [&] {
        found = look(client, w, news);
        return !found || *found || (w.options & wnohang) != 0;
    }));
    if (!found)
        return fail(found.error());
    if (!*found)
        news.pid = 0;
    if (news.gone)
        forget_client(*news.gone);
    return {};
}

struct Rusage {
    u64 user_s, user_us, system_s, system_us;
    u64 max_rss, rest[3];
    u64 faults, more[9];
};
static_assert(sizeof(Rusage) == 144);

Status put_rusage(u64 address, const News& news)
{
    if (address == 0)
        return {};
    Rusage r{};
    r.user_s = news.used_ns / 1'000'000'000;
    r.user_us = news.used_ns % 1'000'000'000 / 1000;
    r.max_rss = news.peak_rss / KiB;
    r.faults = news.faults;
    return UserOut<Rusage>(address).write(r);
}

} // namespace

Served serve_wait4(Client& client, const Args& a)
{
    const i32 pid = static_cast<i32>(a[0]);
    const u64 options = static_cast<u32>(a[2]);
    if ((options & ~(wnohang | wuntraced | wcontinued | wnothread | wall | wclone)) != 0)
        return fail(Errno::inval);
    if (pid == INT32_MIN)
        return fail(Errno::srch);
    Wanted w{p_all, 0, options | wexited};
    if (pid > 0)
        w = {p_pid, static_cast<u32>(pid), w.options};
    else if (pid == 0)
        w = {p_pgid, client.group, w.options};
    else if (pid < -1)
        w = {p_pgid, static_cast<u32>(-pid), w.options};
    News news;
    TRY_STATUS(wait_for_news(client, w, news));
    if (news.pid == 0)
        return 0;
    if (a[1] != 0)
        TRY_STATUS(UserOut<u32>(a[1]).write(news.status));
    TRY_STATUS(put_rusage(a[3], news));
    return news.pid;
}

Served serve_waitid(Client& client, const Args& a)
{
    const u64 options = static_cast<u32>(a[3]);
    constexpr u64 kinds = wexited | wuntraced | wcontinued;
    if ((options & ~(kinds | wnohang | wnowait | wnothread | wall | wclone)) != 0 || (options & kinds) == 0 ||
        a[0] > p_pgid)
        return fail(a[0] == 3 ? Errno::badf : Errno::inval);
    if (a[0] != p_all && static_cast<i32>(a[1]) < (a[0] == p_pid ? 1 : 0))
        return fail(Errno::inval);
    Wanted w{a[0], static_cast<u32>(a[1]), options};
    if (a[0] == p_pgid && w.id == 0)
        w.id = client.group;
    News news;
    TRY_STATUS(wait_for_news(client, w, news));
    TRY_STATUS(put_rusage(news.pid == 0 ? 0 : a[4], news));
    if (a[2] == 0)
        return 0;
    SignalInfo info;
    if (news.pid != 0) {
        const u32 s = news.status;
        info = sent_signal(sig_chld, 1, news.pid, 0); // CLD_EXITED
        info.value = s >> 8;
        if (s == status_continued) {
            info.code = 6;
            info.value = sig_cont;
        } else if ((s & 0xff) == status_stopped) {
            info.code = 5;
        } else if ((s & 0x7f) != 0) {
            info.code = (s & 0x80) != 0 ? 3 : 2;
            info.value = s & 0x7f;
        }
    }
    TRY_STATUS(copy_to_user(a[2], &info, sizeof(info)));
    return 0;
}

// --- signals ---

namespace {

// -1, 0, a group or one: kill(2).
Served send_to(Client& client, i64 pid, SignalInfo info)
{
    if (info.signo > num_signals)
        return fail(Errno::inval);
    if (pid > 0) {
        const ClientRef target = hold_client(static_cast<u32>(pid));
        if (!target)
            return fail(Errno::srch);
        if (info.signo != 0)
            TRY_STATUS(signal_client(*target, info));
        return 0;
    }
    const u32 group = pid == 0 ? client.group : static_cast<u32>(-pid);
    bool any = false;
    u32 after = 1; // -1: all but the initial task and the caller
    if (pid != -1) {
        LockGuard guard(clients_lock);
        for (Client* c = all_clients; c != nullptr; c = c->next)
            any |= c->group == group;
        if (!any)
            return fail(Errno::srch);
    }
    if (pid != -1) {
        if (info.signo != 0)
            signal_group(group, info);
        return 0;
    }
    for (;;) {
        ClientRef next;
        {
            LockGuard guard(clients_lock);
            for (Client* c = all_clients; c != nullptr; c = c->next)
                if (c->pid > after && c != &client && (!next || c->pid < next->pid))
                    next = ClientRef::share(c);
        }
        if (!next)
            return any ? Served(0) : fail(Errno::srch);
        any = true;
        after = next->pid;
        if (info.signo != 0)
            (void)signal_client(*next, info);
    }
}

// A thread of another process; group 0: of whichever process it is.
Served send_to_thread(Client& client, u32 group, u32 tid, u32 signo)
{
    if (signo > num_signals)
        return fail(Errno::inval);
    LockGuard guard(clients_lock);
    for (Client* c = all_clients; c != nullptr; c = c->next) {
        if (c->lwk == nullptr || c->state != Client::State::alive || (group != 0 && c->pid != group))
            continue;
        bool is_there;
        {
            LockGuard inner(c->lwk->lock);
            is_there = find_task(*c->lwk, tid) != nullptr;
        }
        if (!is_there)
            continue;
        if (signo != 0)
            TRY_STATUS(send_signal(*c->lwk, tid, sent_signal(signo, si_tkill, client.pid, 0)));
        return 0;
    }
    return fail(Errno::srch);
}

} // namespace

Served serve_kill(Client& client, const Args& a)
{
    const i32 pid = static_cast<i32>(a[0]);
    if (pid == INT32_MIN)
        return fail(Errno::srch);
    return send_to(client, pid, sent_signal(static_cast<u32>(a[1]), si_user, client.pid, 0));
}

Served serve_tkill(Client& client, const Args& a)
{
    return send_to_thread(client, 0, static_cast<u32>(a[0]), static_cast<u32>(a[1]));
}

Served serve_tgkill(Client& client, const Args& a)
{
    return send_to_thread(client, static_cast<u32>(a[0]), static_cast<u32>(a[1]), static_cast<u32>(a[2]));
}

Served serve_rt_sigqueueinfo(Client& client, const Args& a)
{
    SignalInfo info = TRY(UserIn<SignalInfo>(a[2]).read());
    info.signo = static_cast<u32>(a[1]);
    if (info.code >= 0 || info.code == si_tkill)
        return fail(Errno::perm);
    return send_to(client, static_cast<i32>(a[0]) > 0 ? static_cast<i32>(a[0]) : 0x7fffffff, info);
}

Served serve_disposition(Client& client, const Args& a)
{
    LockGuard guard(clients_lock);
    if (a[0] == sig_chld) {
        client.ignores_children = a[1] != 0;
        client.sigchld_flags = a[2];
    } else {
        const u64 bit = signal_bit(static_cast<u32>(a[0]));
        client.ignored_tty = a[1] != 0 ? client.ignored_tty | bit : client.ignored_tty & ~bit;
    }
    return 0;
}

// The default action of a stop signal, in the thread that took it.
Served serve_stop(Client& client, const Args& a)
{
    const auto signo = static_cast<u32>(a[0]);
    if (signo != sig_stop && is_orphaned_group(client.group))
        return 0;
    stop_client(client, signo);
    return 0; // it stops on its way back to the program
}

// --- groups and sessions ---

Served serve_setpgid(Client& client, const Args& a)
{
    const i32 pid = static_cast<i32>(a[0]);
    const i32 group = static_cast<i32>(a[1]);
    if (group < 0)
        return fail(Errno::inval);
    LockGuard guard(clients_lock);
    Client* target = pid == 0 ? &client : find_client(static_cast<u32>(pid));
    if (target == nullptr || (target != &client && target->parent != &client))
        return fail(Errno::srch);
    if (target->session != client.session || target->session == target->pid)
        return fail(Errno::perm);
    if (target != &client && target->has_executed)
        return fail(Errno::acces);
    const u32 wanted = group == 0 ? target->pid : static_cast<u32>(group);
    if (wanted != target->pid) {
        bool is_there = false;
        for (Client* c = all_clients; c != nullptr; c = c->next)
            is_there |= c->group == wanted && c->session == client.session;
        if (!is_there)
            return fail(Errno::perm);
    }
    target->group = wanted;
    return 0;
}

Served serve_getpgid(Client& client, const Args& a)
{
    LockGuard guard(clients_lock);
    const Client* c = a[0] == 0 ? &client : find_client(static_cast<u32>(a[0]));
    return c != nullptr ? Served(c->group) : fail(Errno::srch);
}

Served serve_getpgrp(Client& client, const Args&)
{
    return client.group;
}

Served serve_getsid(Client& client, const Args& a)
{
    LockGuard guard(clients_lock);
    const Client* c = a[0] == 0 ? &client : find_client(static_cast<u32>(a[0]));
    return c != nullptr ? Served(c->session) : fail(Errno::srch);
}

Served serve_setsid(Client& client, const Args&)
{
    LockGuard guard(clients_lock);
    for (Client* c = all_clients; c != nullptr; c = c->next)
        if (c->group == client.pid)
            return fail(Errno::perm);
    client.session = client.group = client.pid;
    return client.pid;
}

Served serve_getppid(Client& client, const Args&)
{
    LockGuard guard(clients_lock);
    return client.parent != nullptr ? client.parent->pid : 0;
}

} // namespace still::services
