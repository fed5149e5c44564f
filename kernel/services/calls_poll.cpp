// SPDX-License-Identifier: BSD-2-Clause
// poll(2), select(2) and their relatives, without signal masks: those are the LWK's.
#include <services/calls.hpp>
#include <services/polling.hpp>

namespace still::services {

u32 poll_file(OpenFile& file, u32 events)
{
    const u32 all = file.ops != nullptr && file.ops->poll != nullptr ? file.ops->poll(file) : poll_nval;
    return all & (events | poll_err | poll_hup | poll_nval);
}

u64 due_of(OpenFile& file)
{
    return file.ops != nullptr && file.ops->due != nullptr ? file.ops->due(file) : no_deadline;
}

namespace {

struct PollFd {
    i32 fd;
    u16 events, found;
};

struct TimeSpec {
    u64 seconds, ns;
};

Result<u64> to_ns(u64 seconds, u64 part, u64 part_ns)
{
    constexpr u64 second = 1'000'000'000;
    if (static_cast<i64>(seconds) < 0 || part >= second / part_ns)
        return fail(Errno::inval);
    return min<u64>(seconds, no_deadline / second / 8) * second + part * part_ns;
}

// Writes the time that is left where the program's timeout was.
void put_left(u64 address, u64 deadline, u64 part_ns)
{
    if (address == 0 || deadline == no_deadline)
        return;
    const u64 now = monotonic_ns();
    const u64 left = deadline > now ? deadline - now : 0;
    const TimeSpec t{left / 1'000'000'000, left % 1'000'000'000 / part_ns};
    (void)UserOut<TimeSpec>(address).write(t); // the program's own loss if it can't be written
}

Result<u64> read_timeout(u64 address, u64 part_ns)
{
    if (address == 0)
        return no_deadline;
    const TimeSpec t = TRY(UserIn<TimeSpec>(address).read());
    return to_ns(t.seconds, t.ns, part_ns);
}

u32 look_at(Client& client, PollFd* list, u64 count, u64& due)
{
    u32 ready = 0;
    for (u64 i = 0; i < count; ++i) {
        list[i].found = 0;
        if (list[i].fd < 0)
            continue;
        const auto file = file_of(client, static_cast<u32>(list[i].fd));
        if (file) {
            list[i].found = static_cast<u16>(poll_file(**file, list[i].events));
            due = min(due, due_of(**file));
        } else {
            list[i].found = poll_nval;
        }
        ready += list[i].found != 0;
    }
    return ready;
}

Served poll_list(Client& client, u64 address, u64 count, u64 deadline)
{
    if (count > descriptor_limit(client))
        return fail(Errno::inval);
    Scratch room(max<u64>(count * sizeof(PollFd), 1));
    if (!room)
        return fail(Errno::nomem);
    auto* list =
        reinterpret_cast<PollFd*>(room.data()); // SAFETY: room for count of them, aligned as any object
    TRY_STATUS(copy_from_user(list, address, count * sizeof(PollFd)));
    u32 ready = 0;
    TRY(wait_for_files(
        [&](u64& due) {
            ready = look_at(client, list, count, due);
            return ready != 0;
        },
        deadline));
    for (u64 i = 0; i < count; ++i)
        TRY_STATUS(copy_to_user(address + i * sizeof(PollFd) + 6, &list[i].found, 2));
    return ready;
}

} // namespace

Served serve_poll(Client& client, const Args& a)
{
    const auto ms = static_cast<i32>(a[2]);
    return poll_list(client, a[0], a[1],
                     deadline_after(ms < 0 ? no_deadline : static_cast<u64>(ms) * 1'000'000));
}

Served serve_ppoll(Client& client, const Args& a)
{
    const u64 deadline = deadline_after(TRY(read_timeout(a[2], 1)));
    const Served done = poll_list(client, a[0], a[1], deadline);
    put_left(a[2], deadline, 1);
    return done;
}

namespace {

constexpr u32 max_select = 1024;
constexpr u32 set_words = max_select / 64;

struct Sets {
    u64 in[3][set_words]; // reading, writing, exceptions
    u64 out[3][set_words];
};
constexpr u32 wanted_events[3] = {poll_in | poll_rdnorm | poll_hup | poll_err,
                                  poll_out | poll_wrnorm | poll_err, poll_pri};

u32 look_at_sets(Client& client, Sets& sets, u32 count, u64& due, bool& is_bad)
{
    u32 ready = 0;
    __builtin_memset(sets.out, 0, sizeof(sets.out));
    for (u32 fd = 0; fd < count; ++fd) {
        const u64 bit = 1ull << (fd % 64);
        u32 wanted = 0;
        for (u32 kind = 0; kind < 3; ++kind)
            wanted |= (sets.in[kind][fd / 64] & bit) != 0 ? wanted_events[kind] : 0;
        if (wanted == 0)
            continue;
        const auto file = file_of(client, fd);
        if (!file) {
            is_bad = true;
            return 1;
        }
        const u32 found = poll_file(**file, wanted);
        due = min(due, due_of(**file));
        for (u32 kind = 0; kind < 3; ++kind) {
            if ((sets.in[kind][fd / 64] & bit) == 0 || (found & wanted_events[kind]) == 0)
                continue;
            sets.out[kind][fd / 64] |= bit;
            ++ready;
        }
    }
    return ready;
}

Served select_files(Client& client, const Args& a, u64 deadline)
{
    const auto asked = static_cast<i32>(a[0]);
    if (asked < 0)
        return fail(Errno::inval);
    const u32 count = min<u32>(static_cast<u32>(asked), max_select);
    const u64 bytes = (count + 63) / 64 * 8;
    Sets sets{};
    for (u32 kind = 0; kind < 3; ++kind)
        if (a[1 + kind] != 0)
            TRY_STATUS(copy_from_user(sets.in[kind], a[1 + kind], bytes));
    u32 ready = 0;
    bool is_bad = false;
    TRY(wait_for_files(
        [&](u64& due) {
            ready = look_at_sets(client, sets, count, due, is_bad);
            return ready != 0;
        },
        deadline));
    if (is_bad)
        return fail(Errno::badf);
    for (u32 kind = 0; kind < 3; ++kind)
        if (a[1 + kind] != 0)
            TRY_STATUS(copy_to_user(a[1 + kind], sets.out[kind], bytes));
    return ready;
}

Served select_until(Client& client, const Args& a, u64 part_ns)
{
    const u64 deadline = deadline_after(TRY(read_timeout(a[4], part_ns)));
    const Served done = select_files(client, a, deadline);
    put_left(a[4], deadline, part_ns);
    return done;
}

} // namespace

Served serve_select(Client& client, const Args& a)
{
    return select_until(client, a, 1000);
}

Served serve_pselect6(Client& client, const Args& a)
{
    return select_until(client, a, 1);
}

// While a signal is pending: what is ready, or EINTR with the sets as they were.
Served serve_select_now(Client& client, const Args& a)
{
    Sets before{};
    for (u32 kind = 0; kind < 3; ++kind)
        if (a[1 + kind] != 0)
            TRY_STATUS(copy_from_user(before.in[kind], a[1 + kind],
                                      (min<u64>(static_cast<u32>(a[0]), max_select) + 63) / 64 * 8));
    const u64 ready = TRY(select_files(client, a, 0));
    if (ready != 0)
        return ready;
    for (u32 kind = 0; kind < 3; ++kind)
        if (a[1 + kind] != 0)
            TRY_STATUS(copy_to_user(a[1 + kind], before.in[kind],
                                    (min<u64>(static_cast<u32>(a[0]), max_select) + 63) / 64 * 8));
    return fail(Errno::intr);
}

} // namespace still::services
