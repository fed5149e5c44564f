// SPDX-License-Identifier: BSD-2-Clause
// process_vm_readv(2) and process_vm_writev(2), as long as the LWK has not learned that it may make them itself: of
// the one user's processes each may reach each.
#include <exec/process_table.hpp>
#include <services/calls.hpp>
#include <services/elf.hpp>
#include <services/proc.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

struct Vector {
    u64 base, bytes;
};
constexpr u64 max_vectors = 1024;

// What is left of a list of ranges in some process's memory.
class Ranges {
  public:
    Ranges(u64 list, u64 count) : list_(list), count_(count) {}
    Status check()
    {
        if (count_ > max_vectors)
            return fail(Errno::inval);
        u64 all = 0;
        for (u64 i = 0; i < count_; ++i) {
            const Vector v = TRY(UserIn<Vector>(list_).read(i));
            all += v.bytes;
            if (static_cast<i64>(v.bytes) < 0 || all >> 63 != 0)
                return fail(Errno::inval);
        }
        return {};
    }
    // Empty at the end.
    Result<Vector> now()
    {
        while (rest_.bytes == 0 && next_ < count_)
            rest_ = TRY(UserIn<Vector>(list_).read(next_++));
        return rest_;
    }
    void advance(u64 bytes)
    {
        rest_.base += bytes;
        rest_.bytes -= bytes;
    }

  private:
    u64 list_;
    u64 count_;
    u64 next_ = 0;
    Vector rest_{0, 0};
};

// A piece of the peer's shared memory, or of the caller's own: by way of the kernel's memory. 0: it is no such piece.
u64 move_shared(Image& peer, bool reads, u64 own, u64 other, u64 bytes)
{
    u8 room[256];
    bytes = min<u64>(bytes, sizeof(room));
    if (reads) {
        const u64 got = copy_mapped(peer, other, room, bytes, false);
        return got != 0 && copy_to_user(own, room, got) ? got : 0;
    }
    const u64 most = min(bytes, page_size - other % page_size);
    return copy_from_user(room, own, most) ? copy_mapped(peer, other, room, most, true) : 0;
}

Served transfer(Process& to, Ranges& into, Process& from, Ranges& out_of, Image& peer, bool reads_peer)
{
    constexpr u32 tries = 64; // the page may go again at once
    u32 again = 0;
    u64 sum = 0;
    for (;;) {
        const Vector target = TRY(into.now());
        const Vector source = TRY(out_of.now());
        const u64 bytes = min(target.bytes, source.bytes);
        if (bytes == 0)
            return sum;
        if (target.base > elf_user_end || source.base > elf_user_end || bytes > elf_user_end - target.base ||
            bytes > elf_user_end - source.base)
            return sum != 0 ? Served(sum) : fail(Errno::fault);
        const Transfer done = AddressSpace::copy_between(to.space, UserAddr(target.base), from.space,
                                                         UserAddr(source.base), bytes);
        into.advance(done.bytes);
        out_of.advance(done.bytes);
        sum += done.bytes;
        if (done.bytes == bytes)
            continue;
        const u64 moved =
            move_shared(peer, reads_peer, (reads_peer ? target.base : source.base) + done.bytes,
                        (reads_peer ? source.base : target.base) + done.bytes, bytes - done.bytes);
        if (moved != 0) {
            into.advance(moved);
            out_of.advance(moved);
            sum += moved;
            continue;
        }
        const bool is_target = done.missing == Transfer::Missing::target;
        const UserAddr at((is_target ? target.base : source.base) + done.bytes);
        const FaultError error =
            resolve_fault(is_target ? to : from, at, is_target ? Access::write : Access::read);
        if (done.bytes == 0 && error.signo == 0 && again++ == tries)
            return sum != 0 ? Served(sum) : fail(Errno::fault); // the caller's own is shared memory, say
        if (error.signo != 0 || current_task().owner->dying.load())
            return sum != 0 ? Served(sum) : fail(Errno::fault);
    }
}

Served move_memory(Client& client, const Args& a, bool reads)
{
    if (a[5] != 0)
        return fail(Errno::inval);
    Ranges local(a[1], a[2]), remote(a[3], a[4]);
    TRY_STATUS(local.check());
    TRY_STATUS(remote.check());
    const ClientRef peer = hold_client(static_cast<u32>(a[0]));
    if (!peer)
        return fail(Errno::srch);
    const ShownProcess held(*peer);
    if (!held)
        return fail(Errno::srch);
    Process& own = *client.lwk;
    return reads ? transfer(own, local, *held, remote, *held.image(), true)
                 : transfer(*held, remote, own, local, *held.image(), false);
}

} // namespace

Served serve_process_vm_readv(Client& client, const Args& a)
{
    return move_memory(client, a, true);
}

Served serve_process_vm_writev(Client& client, const Args& a)
{
    return move_memory(client, a, false);
}

} // namespace still::services
