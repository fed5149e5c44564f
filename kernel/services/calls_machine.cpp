// SPDX-License-Identifier: BSD-2-Clause
// The machine, users and limits. There is one user, the superuser, and no other to become.
#include <mm/frame_allocator.hpp>
#include <services/alarm.hpp>
#include <services/calls.hpp>
#include <services/random.hpp>

namespace still::services {

namespace {

constexpr u64 second = 1'000'000'000;

struct UtsName {
    char system[65], node[65], release[65], version[65], machine[65], domain[65];
};

SpinLock name_lock;
char node_name[65] GUARDED_BY(name_lock) = "stillcore";

void set_text(char (&field)[65], std::string_view text)
{
    __builtin_memcpy(field, text.data(), min<usize>(text.size(), 64));
}

// Nobody but 0 is there: as in a user namespace that has no other.
Served become(u64 id)
{
    return static_cast<u32>(id) == 0 || static_cast<u32>(id) == ~0u ? Served(0) : fail(Errno::inval);
}

} // namespace

Served serve_uname(Client&, const Args& a)
{
    UtsName u{};
    set_text(u.system, "Linux");
    {
        LockGuard guard(name_lock);
        set_text(u.node, node_name);
    }
    set_text(u.release, "6.1.0-stillcore");
    set_text(u.version, "#1 SMP Stillcore");
    set_text(u.machine, "x86_64");
    set_text(u.domain, "(none)");
    TRY_STATUS(UserOut<UtsName>(a[0]).write(u));
    return 0;
}

Served serve_sethostname(Client&, const Args& a)
{
    char name[65] = {};
    if (a[1] > 64)
        return fail(Errno::inval);
    TRY_STATUS(copy_from_user(name, a[0], a[1]));
    LockGuard guard(name_lock);
    __builtin_memcpy(node_name, name, sizeof(name));
    return 0;
}

Served serve_getuid(Client&, const Args&)
{
    return 0;
}
Served serve_setuid(Client&, const Args& a)
{
    return become(a[0]);
}
Served serve_setreuid(Client&, const Args& a)
{
    TRY(become(a[0]));
    return become(a[1]);
}
Served serve_setresuid(Client&, const Args& a)
{
    TRY(become(a[0]));
    TRY(become(a[1]));
    return become(a[2]);
}
Served serve_setfsuid(Client&, const Args&)
{
    return 0; // the one before
}
Served serve_getresuid(Client&, const Args& a)
{
    for (u32 i = 0; i < 3; ++i)
        TRY_STATUS(UserOut<u32>(a[i]).write(0));
    return 0;
}
Served serve_getgroups(Client&, const Args&)
{
    return 0;
}
Served serve_setgroups(Client&, const Args& a)
{
    return a[0] == 0 ? Served(0) : fail(Errno::inval);
}

Served serve_capget(Client& client, const Args& a)
{
    struct Header {
        u32 version, pid;
    };
    constexpr u32 version_3 = 0x20080522;
    constexpr u32 all[2] = {~0u, 0x1ff};
    Header head = TRY(UserIn<Header>(a[0]).read());
    if (head.version != version_3) {
        head.version = version_3;
        TRY_STATUS(UserOut<Header>(a[0]).write(head));
        return a[1] == 0 ? Served(0) : fail(Errno::inval);
    }
    if (head.pid != 0 && !hold_client(head.pid))
        return fail(Errno::srch);
    (void)client;
    const u32 sets[6] = {all[0], all[0], 0, all[1], all[1], 0};
    if (a[1] != 0)
        TRY_STATUS(copy_to_user(a[1], sets, sizeof(sets)));
    return 0;
}

Served serve_capable(Client&, const Args&)
{
    return 1;
}

Served serve_sched_rights(Client&, const Args&)
{
    return 99 | STILL_RIGHT_NICE | STILL_RIGHT_LOCK;
}

namespace {

Result<ClientRef> limited_client(Client& client, u64 pid)
{
    if (pid == 0)
        return ClientRef::share(&client);
    ClientRef other = hold_client(static_cast<u32>(pid));
    return other ? Result<ClientRef>(other) : fail(Errno::srch);
}

} // namespace

Served serve_prlimit64(Client& client, const Args& a)
{
    if (a[1] >= num_limits)
        return fail(Errno::inval);
    const ClientRef target = TRY(limited_client(client, a[0]));
    still_limit wanted{};
    if (a[2] != 0) {
        wanted = TRY(UserIn<still_limit>(a[2]).read());
        if (wanted.soft > wanted.hard)
            return fail(Errno::inval);
        if (a[1] == limit_nofile && wanted.hard > max_descriptors)
            return fail(Errno::perm);
    }
    still_limit old;
    {
        LockGuard guard(target->lock);
        old = target->limits[a[1]];
        if (a[2] != 0)
            target->limits[a[1]] = wanted;
    }
    if (a[3] != 0)
        TRY_STATUS(UserOut<still_limit>(a[3]).write(old));
    return 0;
}
Served serve_getrlimit(Client& client, const Args& a)
{
    if (a[0] < num_limits && a[1] == 0)
        return fail(Errno::fault);
    return serve_prlimit64(client, {0, a[0], 0, a[1]});
}
Served serve_setrlimit(Client& client, const Args& a)
{
    TRY(UserIn<still_limit>(a[1]).read());
    return serve_prlimit64(client, {0, a[0], a[1], 0});
}

namespace {

struct TimeVal {
    u64 seconds, microseconds;
};
TimeVal to_timeval(u64 ns)
{
    return {ns / second, ns % second / 1000};
}

struct Rusage {
    TimeVal user, system;
    u64 max_rss, rest[3];
    u64 faults, more[9];
};
static_assert(sizeof(Rusage) == 144);

} // namespace

// What the LWK does not know itself: the children, and that nothing else was used here.
Served serve_getrusage(Client& client, const Args& a)
{
    constexpr i32 children = -1, self = 0, thread = 1;
    const auto who = static_cast<i32>(a[0]);
    if (who != children && who != self && who != thread)
        return fail(Errno::inval);
    Rusage r{};
    if (who == children) {
        LockGuard guard(clients_lock);
        r.user = to_timeval(client.children_ns);
        r.max_rss = client.children_rss / KiB;
        r.faults = client.children_faults;
    }
    TRY_STATUS(UserOut<Rusage>(a[1]).write(r));
    return 0;
}

Served serve_times(Client& client, const Args& a)
{
    constexpr u64 tick_ns = 10'000'000;
    u64 children;
    {
        LockGuard guard(clients_lock);
        children = client.children_ns;
    }
    const u64 t[4] = {0, 0, children / tick_ns, 0};
    if (a[0] != 0)
        TRY_STATUS(copy_to_user(a[0], t, sizeof(t)));
    return monotonic_ns() / tick_ns;
}

Served serve_sysinfo(Client&, const Args& a)
{
    struct {
        i64 uptime;
        u64 loads[3], memory[6];
        u16 processes, pad;
        u64 high[2];
        u32 unit;
    } s{};
    s.uptime = static_cast<i64>(boottime_ns() / second);
    LockGuard guard(clients_lock);
    for (const Client* c = all_clients; c != nullptr; c = c->next)
        ++s.processes;
    s.unit = 1;
    TRY_STATUS(copy_to_user(a[0], &s, 112));
    return 0;
}

// --- time ---

Served serve_gettimeofday(Client&, const Args& a)
{
    if (a[0] != 0)
        TRY_STATUS(UserOut<TimeVal>(a[0]).write(to_timeval(realtime_ns())));
    if (a[1] != 0)
        TRY_STATUS(UserOut<u64>(a[1]).write(0));
    return 0;
}

Served serve_time(Client&, const Args& a)
{
    const u64 now = realtime_ns() / second;
    if (a[0] != 0)
        TRY_STATUS(UserOut<u64>(a[0]).write(now));
    return now;
}

// Those that the LWK has no own word for: raw, coarse, alarm and TAI clocks.
Served serve_clock_gettime(Client&, const Args& a)
{
    constexpr u64 raw = 4, real_coarse = 5, mono_coarse = 6, real_alarm = 8, boot_alarm = 9, tai = 11;
    u64 ns;
    switch (a[0]) {
    case raw:
    case mono_coarse:
        ns = monotonic_ns();
        break;
    case real_coarse:
    case real_alarm:
    case tai:
        ns = realtime_ns();
        break;
    case boot_alarm:
        ns = boottime_ns();
        break;
    default:
        return fail(Errno::inval);
    }
    TRY_STATUS(UserOut<u64>(a[1]).write(ns / second, 0));
    TRY_STATUS(UserOut<u64>(a[1]).write(ns % second, 1));
    return 0;
}

Served serve_clock_getres(Client&, const Args& a)
{
    const auto clock = static_cast<i32>(a[0]);
    if (clock > 11 || clock == 10)
        return fail(Errno::inval);
    const u64 resolution[2] = {0, clock == 5 || clock == 6 ? 4'000'000ull : 1ull};
    if (a[1] != 0)
        TRY_STATUS(copy_to_user(a[1], resolution, sizeof(resolution)));
    return 0;
}

Served serve_alarm(Client& client, const Args& a)
{
    const AlarmSetting old = set_alarm(client, {static_cast<u32>(a[0]) * second, 0});
    const u64 seconds = (old.left + second / 2) / second;
    return old.left != 0 && seconds == 0 ? 1 : seconds;
}

namespace {

struct IntervalSpec {
    TimeVal interval, value;
};

Result<u64> to_ns(const TimeVal& t)
{
    if (t.microseconds >= 1'000'000 || static_cast<i64>(t.seconds) < 0)
        return fail(Errno::inval);
    return min<u64>(t.seconds, ~0ull / second / 4) * second + t.microseconds * 1000;
}

Status put_setting(u64 address, const AlarmSetting& s)
{
    if (address == 0)
        return {};
    const auto up = [](u64 ns) { return to_timeval(ns + 999); };
    return UserOut<IntervalSpec>(address).write({to_timeval(s.interval), up(s.left)});
}

} // namespace

Served serve_getitimer(Client& client, const Args& a)
{
    if (a[0] != 0)
        return fail(Errno::inval);
    if (a[1] == 0)
        return fail(Errno::fault);
    TRY_STATUS(put_setting(a[1], get_alarm(client)));
    return 0;
}

Served serve_setitimer(Client& client, const Args& a)
{
    if (a[0] != 0)
        return fail(Errno::inval);
    AlarmSetting wanted;
    if (a[1] != 0) {
        const IntervalSpec spec = TRY(UserIn<IntervalSpec>(a[1]).read());
        wanted = {TRY(to_ns(spec.value)), TRY(to_ns(spec.interval))};
    }
    TRY_STATUS(put_setting(a[2], set_alarm(client, wanted)));
    return 0;
}

Served serve_getrandom(Client&, const Args& a)
{
    if ((a[2] & ~7ull) != 0 || (a[2] & 6) == 6)
        return fail(Errno::inval);
    const u64 bytes = min<u64>(a[1], 0x1ffffff);
    u8 room[256];
    for (u64 done = 0; done < bytes;) {
        const u64 piece = min<u64>(bytes - done, sizeof(room));
        random_bytes(room, piece);
        if (!copy_to_user(a[0] + done, room, piece))
            return done != 0 ? Served(done) : fail(Errno::fault);
        done += piece;
    }
    return bytes;
}

} // namespace still::services
