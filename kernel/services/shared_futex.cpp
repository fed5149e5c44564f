// SPDX-License-Identifier: BSD-2-Clause
// futex(2) on words in shared memory, by which processes wait for each other. A word is known by its file and its place
// in it. The LWK has all others, and those with priority inheritance.
#include <arch/user_copy.hpp>
#include <exec/user_memory.hpp>
#include <services/calls.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

constexpr u32 op_wait = 0, op_wake = 1, op_requeue = 3, op_cmp_requeue = 4, op_wake_op = 5,
              op_wait_bitset = 9, op_wake_bitset = 10;
constexpr u32 op_private = 0x80, op_realtime = 0x100, any_bit = ~0u;

struct Word {
    u64 ino = 0, offset = 0;
    bool operator==(const Word&) const = default;
};

struct Waiting {
    Thread* thread;
    Word word;
    u32 bits;
    bool woken = false;
    Waiting* next = nullptr;
};

SpinLock lock;
Waiting* first GUARDED_BY(lock) = nullptr; // in the order in which they came

Result<Word> word_at(Client& client, u64 address)
{
    Word w;
    if ((address & 3) != 0)
        return fail(Errno::inval);
    if (!find_shared_word(*client.image, address, w.ino, w.offset)) {
        w.ino = ~0ull - client.pid; // a word of the process's own, next to shared ones
        w.offset = address;
    }
    return w;
}

void append(Waiting& self) REQUIRES(lock)
{
    Waiting** end = &first;
    while (*end != nullptr)
        end = &(*end)->next;
    *end = &self;
    self.next = nullptr;
}

void remove(Waiting& self) REQUIRES(lock)
{
    for (Waiting** at = &first; *at != nullptr; at = &(*at)->next) {
        if (*at == &self) {
            *at = self.next;
            return;
        }
    }
}

u64 wake(const Word& word, u64 most, u32 bits) REQUIRES(lock)
{
    u64 count = 0;
    for (Waiting *w = first, *next; w != nullptr && count < most; w = next) {
        next = w->next;
        if (w->word != word || (w->bits & bits) == 0)
            continue;
        remove(*w);
        w->woken = true;
        unpark(*w->thread);
        ++count;
    }
    return count;
}

// deadline: ns of the monotonic clock.
Served wait(Client& client, u64 address, u32 value, u32 bits, u64 deadline)
{
    Task& task = current_task();
    Waiting self{&task, TRY(word_at(client, address)), bits};
    {
        LockGuard guard(lock);
        append(self);
    }
    // It is in the queue: whoever changes the word from now on wakes it.
    const auto now = UserIn<u32>(address).read();
    Status result;
    if (!now)
        result = fail(Errno::fault);
    else if (*now != value)
        result = fail(Errno::again);
    WaitQueue nobody;
    if (result)
        result = wait_until(
            nobody,
            [&] {
                LockGuard guard(lock);
                return self.woken;
            },
            deadline);
    LockGuard guard(lock);
    if (self.woken)
        return 0;
    remove(self);
    return fail(result ? Errno::again : result.error());
}

Served requeue(Client& client, const Args& a, bool compares)
{
    const Word from = TRY(word_at(client, a[0]));
    const Word to = TRY(word_at(client, a[4]));
    if (compares && TRY(UserIn<u32>(a[0]).read()) != static_cast<u32>(a[5]))
        return fail(Errno::again);
    const u64 moves = min<u64>(static_cast<u32>(a[3]), 1u << 30);
    LockGuard guard(lock);
    const u64 woken = wake(from, static_cast<u32>(a[2]), any_bit);
    u64 moved = 0;
    for (Waiting *w = first, *next; w != nullptr && moved < moves; w = next) {
        next = w->next;
        if (w->word != from)
            continue;
        w->word = to;
        ++moved;
    }
    return woken + (compares ? moved : 0);
}

// What the word was.
Result<u32> change_word(u64 address, u32 how, u32 argument)
{
    for (;;) {
        const u32 old = TRY(UserIn<u32>(address).read());
        u32 fresh = old;
        switch (how) {
        case 0:
            fresh = argument;
            break;
        case 1:
            fresh += argument;
            break;
        case 2:
            fresh |= argument;
            break;
        case 3:
            fresh &= ~argument;
            break;
        case 4:
            fresh ^= argument;
            break;
        default:
            return fail(Errno::nosys);
        }
        u32 seen = 0;
        if (arch::still_user_cmpxchg32(address, old, fresh, &seen) != 0)
            return fail(Errno::fault);
        if (seen == old)
            return old;
        cpu_pause();
    }
}

// FUTEX_WAKE_OP: changes the second word, then wakes at the first, and at the second if that was so.
Served wake_op(Client& client, const Args& a)
{
    const u32 code = static_cast<u32>(a[5]);
    u32 argument = code >> 12 & 0xfff;
    const u32 compared = code & 0xfff;
    if ((code >> 28 & 8) != 0)
        argument = 1u << (argument & 31);
    const Word one = TRY(word_at(client, a[0]));
    const Word two = TRY(word_at(client, a[4]));
    const u32 old = TRY(change_word(a[4], code >> 28 & 7, argument));
    LockGuard guard(lock);
    u64 count = wake(one, static_cast<u32>(a[2]), any_bit);
    const auto before = static_cast<i32>(old);
    const auto limit = static_cast<i32>(compared << 20) >> 20;
    const u32 how = code >> 24 & 15;
    const bool holds = how == 0   ? before == limit
                       : how == 1 ? before != limit
                       : how == 2 ? before < limit
                       : how == 3 ? before <= limit
                       : how == 4 ? before > limit
                                  : before >= limit;
    if (holds)
        count += wake(two, static_cast<u32>(a[3]), any_bit);
    return count;
}

Result<u64> absolute_deadline(u64 address, bool realtime)
{
    if (address == 0)
        return no_deadline;
    const u64 seconds = TRY(UserIn<u64>(address).read(0));
    const u64 ns = TRY(UserIn<u64>(address).read(1));
    if (ns >= 1'000'000'000 || static_cast<i64>(seconds) < 0)
        return fail(Errno::inval);
    const u64 at = min<u64>(seconds, 1ull << 32) * 1'000'000'000 + ns;
    const u64 shift = realtime ? realtime_ns() - monotonic_ns() : 0;
    return at > shift ? at - shift : 1;
}

} // namespace

Served serve_futex(Client& client, const Args& a)
{
    const u32 op = static_cast<u32>(a[1]) & ~(op_private | op_realtime);
    const bool realtime = (a[1] & op_realtime) != 0;
    const u32 bits = static_cast<u32>(a[5]);
    switch (op) {
    case op_wait:
        return wait(client, a[0], static_cast<u32>(a[2]), any_bit, no_deadline);
    case op_wait_bitset:
        if (bits == 0)
            return fail(Errno::inval);
        return wait(client, a[0], static_cast<u32>(a[2]), bits, TRY(absolute_deadline(a[3], realtime)));
    case op_wake:
    case op_wake_bitset: {
        if (op == op_wake_bitset && bits == 0)
            return fail(Errno::inval);
        const Word word = TRY(word_at(client, a[0]));
        LockGuard guard(lock);
        return wake(word, max<u64>(static_cast<u32>(a[2]), 1), op == op_wake ? any_bit : bits);
    }
    case op_requeue:
    case op_cmp_requeue:
        return requeue(client, a, op == op_cmp_requeue);
    case op_wake_op:
        return wake_op(client, a);
    default:
        return fail(Errno::nosys); // with priority inheritance, between processes: not without Linux
    }
}

// STILL_CALL_TIMED: a plain wait, for that many ns.
Served serve_timed(Client& client, const Args& a)
{
    constexpr u64 nr_futex = 202;
    if (a[0] != nr_futex)
        return fail(Errno::nosys);
    return wait(client, a[1], static_cast<u32>(a[3]), any_bit, monotonic_ns() + min(a[4], no_deadline / 4));
}

} // namespace still::services
