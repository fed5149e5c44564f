// SPDX-License-Identifier: BSD-2-Clause
// process_vm_readv(2), process_vm_writev(2) between processes of the LWK: one copy, and Linux is not asked.
//
// Except the first time: whether this process may reach that one is Linux's to say (uids, dumpable, Yama, ...). So the
// first call that reaches another process goes to Linux, and so does the first after anybody has changed what that
// depends on. Calls that are wrong in any way go there too, for the right error; and those that touch memory whose home
// is Linux.
#include <arch/cpu.hpp>
#include <exec/peers.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 most_vectors = 1024;              // UIO_MAXIOV
constexpr u64 most_bytes = 0x7ffff000;          // MAX_RW_COUNT
constexpr u64 user_end = 0x0000'7fff'ffff'f000; // TASK_SIZE_MAX

struct Vector { // struct iovec
    u64 base;
    u64 bytes;
};

std::atomic<u32> credentials_epoch{0};

// One of the two lists of pieces. Each entry is read once more when its turn comes, and is checked by where it leads.
class Vectors {
  public:
    Vectors(u64 address, u64 count) : list_(address), count_(count) {}

    // Nothing is wrong with it, and what there is of it is private memory of that space. How much it covers.
    Result<u64> check(AddressSpace& space) const
    {
        if (count_ == 0 || count_ > most_vectors)
            return fail(Errno::inval);
        u64 sum = 0;
        for (u64 i = 0; i < count_; ++i) {
            const Vector v = TRY(list_.read(i));
            if (v.bytes > most_bytes || v.base > user_end || v.bytes > user_end - v.base)
                return fail(Errno::inval);
            sum += v.bytes;
            const UserAddr end(v.base + v.bytes);
            AddressSpace::AreaInfo area;
            for (UserAddr a(v.base); a < end && space.area(a, area) && area.range.start < end;
                 a = area.range.end)
                if (area.kind != VmaKind::anonymous && area.kind != VmaKind::file)
                    return fail(Errno::fault);
        }
        if (sum == 0 || sum > most_bytes)
            return fail(Errno::inval);
        return sum;
    }

    // The piece that is not done yet; empty behind the last.
    Result<UserRange> rest()
    {
        while (now_.empty() && next_ < count_) {
            const Vector v = TRY(list_.read(next_++));
            if (v.bytes > user_end || v.base > user_end - v.bytes)
                return fail(Errno::fault);
            now_ = {UserAddr(v.base), UserAddr(v.base + v.bytes)};
        }
        return now_;
    }
    void advance(u64 bytes) { now_.start = now_.start + bytes; }

  private:
    UserIn<Vector> list_;
    u64 count_;
    u64 next_ = 0;
    UserRange now_;
};

// The page of that process shall be there. nosys: it is a peer's of its.
[[gnu::noinline]] Status bring(Process& p, UserAddr at, Access access)
{
    if (PeerAddress where; is_of_peer(p, at.raw(), where))
        return fail(Errno::nosys);
    if (resolve_fault(p, at, access).signo != 0 ||
        current_task().owner->dying.load(std::memory_order_relaxed))
        return fail(Errno::fault);
    return {};
}

// Copies until one list ends. The number of bytes; fault if there are none because one is not there.
Result<u64> transfer(Process& to, Vectors& into, Process& from, Vectors& out_of)
{
    u64 sum = 0;
    for (;;) {
        const auto target = into.rest(), source = out_of.rest();
        if (!target || !source)
            return sum != 0 ? Result<u64>(sum) : fail(Errno::fault);
        const u64 bytes = min(target->size(), source->size());
        if (bytes == 0)
            return sum;
        const Transfer done =
            AddressSpace::copy_between(to.space, target->start, from.space, source->start, bytes);
        into.advance(done.bytes);
        out_of.advance(done.bytes);
        sum += done.bytes;
        if (done.bytes == bytes)
            continue;
        const bool is_target = done.missing == Transfer::Missing::target;
        const UserAddr at = (is_target ? target->start : source->start) + done.bytes;
        const Status there = is_target ? bring(to, at, Access::write) : bring(from, at, Access::read);
        if (!there)
            return sum != 0 ? Result<u64>(sum) : fail(there.error());
        arch::interrupt_window();
    }
}

u64 grant_for(const Process& peer)
{
    return peer.handle | static_cast<u64>(credentials_epoch.load()) << 32;
}

std::atomic<u64>& grant_place(Process& p, const Process& peer)
{
    return p.reaches[peer.handle % num_reached];
}

// nosys from move_here(): Linux shall make the call. If it lets this process reach that one: what is remembered, and
// where.
struct ForLinux {
    u64 grant = 0;
    std::atomic<u64>* place = nullptr;
};

// The peer is held in here only, where Linux is asked for nothing that takes long: its end waits until it is let go.
SyscallResult move_here(Process& p, const Call& call, bool read, ForLinux& linux)
{
    const HeldProcess peer(static_cast<u32>(call.arg[0]), p);
    // One that has ended may still be here, for its memory to be given up.
    if (!peer || peer->dying.load(std::memory_order_relaxed) || call.arg[5] != 0)
        return fail(Errno::nosys);
    Vectors local(call.arg[1], call.arg[2]), remote(call.arg[3], call.arg[4]);
    const auto here = local.check(p.space), there = remote.check(peer->space);
    if (!here || !there)
        return fail(Errno::nosys);
    const u64 grant = grant_for(*peer);
    std::atomic<u64>& place = grant_place(p, *peer);
    if (&*peer != &p && place.load() != grant) {
        linux = {grant, &place};
        return fail(Errno::nosys);
    }
    return read ? transfer(p, local, *peer, remote) : transfer(*peer, remote, p, local);
}

SyscallResult move_memory(Task& task, const Call& call, bool read)
{
    ForLinux linux;
    const auto moved = move_here(*task.owner, call, read, linux);
    if (moved || moved.error() != Errno::nosys)
        return moved;
    const auto moved_by_linux = offload_unchanged(task, call);
    if (moved_by_linux && static_cast<i64>(*moved_by_linux) > 0 && linux.place != nullptr) // else an error
        linux.place->store(linux.grant);
    return moved_by_linux;
}

} // namespace

void credentials_change()
{
    credentials_epoch.fetch_add(1);
}

SyscallResult sys_process_vm_readv(Task& task, const Call& call)
{
    return move_memory(task, call, true);
}

SyscallResult sys_process_vm_writev(Task& task, const Call& call)
{
    return move_memory(task, call, false);
}

} // namespace still
