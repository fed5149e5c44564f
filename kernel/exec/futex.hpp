// SPDX-License-Identifier: BSD-2-Clause
// Futexes (futex(2)): waiters by address space and address, or by a group of peers and the slot's address.
// deadline: TSC, 0: none.
#pragma once

#include <exec/process.hpp>

namespace still::futex {

constexpr u32 any_bit = ~0u;
constexpr u32 max_waitv = 128;

// Where the caller has a word, and by what all know it who may wait there.
struct Word {
    u64 address;
    const void* scope; // the address space, or the group
    u64 key;           // the word's address there
};
inline Word private_word(const Process& p, u64 address)
{
    return {address, &p.space, address};
}
// Of FUTEX_PRIVATE_FLAG's opposite: a member of a group shares it with its peers.
Word shared_word(const Process& p, u64 address);
// That member has gone: nobody waits for its words any more.
void abandon_words(const PeerGroup& group, u32 rank);

// again: the word was not expected; timedout; intr: a signal or the process's end.
Status wait(Task& task, const Word& word, u32 expected, u32 bits, u64 deadline);
// Waits on several words at once (futex_waitv(2)); the index of one that was woken.
struct WaitOn {
    Word word;
    u32 expected;
};
Result<u32> wait_any(Task& task, const WaitOn* words, u32 count, u64 deadline);
// Number of waiters woken. As on Linux, one is woken also if count is 0 or below.
Result<u32> wake(const Word& word, i32 count, u32 bits);
// Wakes some, moves others to another word. check: compare the first word with expected first (again).
// Number woken and moved.
Result<u32> requeue(Process& p, const Word& from, const Word& to, i32 wake_count, i32 move_count, bool check,
                    u32 expected);
// FUTEX_WAKE_OP; op encoded as in futex(2).
Result<u32> wake_op(Process& p, const Word& first, const Word& second, i32 wake_first, i32 wake_second,
                    u32 op);

// PI futexes, of one process only: the word holds the owner's thread id; unlock hands over to the most urgent waiter.
// deadlk, srch: the word names a thread that is not there; again: trylock failed.
Status lock_pi(Task& task, u64 address, u64 deadline, bool only_try);
Status unlock_pi(Task& task, u64 address);
// Waits on a plain word until cmp_requeue_pi has made it the owner of the PI word.
Status wait_requeue_pi(Task& task, u64 from, u32 expected, u32 bits, u64 deadline, u64 to);
Result<u32> cmp_requeue_pi(Task& task, u64 from, u64 to, i32 wake_count, i32 move_count, u32 expected);
// The task may wait for somebody who shall run as urgently as it.
void priority_changed(Task& task);
// The task goes: whoever waits for what it owns gets it, or, in a dying process, waits for nobody any more.
void release_owned(Task& task, bool dying);

} // namespace still::futex
