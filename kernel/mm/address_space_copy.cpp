// SPDX-License-Identifier: BSD-2-Clause
// From one process's memory to another's, in one copy.
#include <arch/layout.hpp>
#include <mm/address_space.hpp>

namespace still {

namespace {

constexpr u64 most_at_once = 64 * 1024; // other CPUs wait for the locks meanwhile

struct Piece {
    void* memory = nullptr; // nullptr: not there with that right
    u64 bytes = 0;          // up to the end of its leaf
};

[[gnu::always_inline]] inline Piece piece_at(const arch::Leaf& leaf, UserAddr a, bool write)
{
    constexpr u64 elsewhere = STILL_PTE_FOREIGN | STILL_PTE_MIRRORED;
    const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
    if (!arch::is_present(e) || (e & elsewhere) != 0 || (e & STILL_PTE_USER) == 0 ||
        (write && (e & STILL_PTE_WRITE) == 0))
        return {};
    const u64 inside = a - leaf.start;
    return {arch::direct(arch::leaf_frame(e, leaf.level) + inside), arch::level_bytes(leaf.level) - inside};
}

// The locks of two address spaces, which may be one.
class BothLocked {
  public:
    BothLocked(SpinLock& one, SpinLock& other) NO_THREAD_SAFETY : first_(&one < &other ? one : other),
                                                                  second_(&one < &other ? other : one)
    {
        first_.lock();
        if (&first_ != &second_)
            second_.lock();
    }
    ~BothLocked() NO_THREAD_SAFETY
    {
        if (&first_ != &second_)
            second_.unlock();
        first_.unlock();
    }
    BothLocked(const BothLocked&) = delete;
    BothLocked& operator=(const BothLocked&) = delete;

  private:
    SpinLock& first_;
    SpinLock& second_;
};

} // namespace

Transfer AddressSpace::copy_between(AddressSpace& to, UserAddr to_start, AddressSpace& from,
                                    UserAddr from_start, u64 bytes) NO_THREAD_SAFETY
{
    Transfer done;
    while (done.bytes < bytes) {
        const BothLocked both(to.lock_, from.lock_);
        for (u64 burst = 0; burst < most_at_once && done.bytes < bytes;) {
            const UserAddr target = to_start + done.bytes, source = from_start + done.bytes;
            const Piece in = piece_at(from.table_.find(source), source, false);
            const Piece out = piece_at(to.table_.find(target), target, true);
            if (in.memory == nullptr || out.memory == nullptr) {
                done.missing = in.memory == nullptr ? Transfer::Missing::source : Transfer::Missing::target;
                return done;
            }
            const u64 now = min(min(in.bytes, out.bytes), min(bytes - done.bytes, most_at_once - burst));
            __builtin_memmove(out.memory, in.memory, now);
            done.bytes += now;
            burst += now;
        }
    }
    return done;
}

u64 AddressSpace::put(UserAddr to, const void* from, u64 bytes)
{
    LockGuard guard(lock_);
    const arch::Leaf leaf = table_.find(to);
    const Piece out = piece_at(leaf, to, false);
    if (out.memory == nullptr || is_others_too(leaf.entry->load(std::memory_order_acquire)))
        return 0;
    const u64 now = min(out.bytes, bytes);
    __builtin_memcpy(out.memory, from, now);
    return now;
}

u64 AddressSpace::get(UserAddr from, void* to, u64 bytes)
{
    LockGuard guard(lock_);
    const Piece in = piece_at(table_.find(from), from, false);
    const u64 now = in.memory == nullptr ? 0 : min(in.bytes, bytes);
    __builtin_memcpy(to, in.memory, now);
    return now;
}

} // namespace still
