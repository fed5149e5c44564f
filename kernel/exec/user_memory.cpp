// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <exec/file_memory.hpp>
#include <exec/linux_memory.hpp>
#include <exec/peers.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>
#include <utility>

namespace still {

namespace {

still_msg message(const Process& p, u32 kind)
{
    still_msg m{};
    m.kind = kind;
    m.proc = p.handle;
    return m;
}

void close_files(Process& p, MappedFile* chain)
{
    while (chain != nullptr) {
        MappedFile* file = chain;
        chain = file->next_closed;
        still_msg m = message(p, STILL_MSG_FILE_CLOSE);
        m.arg[0] = file->handle;
        ikc::send(m);
        p.space.free_file(file);
    }
}

// Once the process is gone Linux lets go of its files by itself; alone, where it is told.
void forget_files(Process& p, MappedFile* chain)
{
    if (ikc::is_served_locally()) {
        close_files(p, chain);
        return;
    }
    while (chain != nullptr)
        p.space.free_file(std::exchange(chain, chain->next_closed));
}

// Waits until Linux has none of the departed mappings left, and large leaves with pins are split so that the
// module can mark the pinned pages.
void zap(Process& p, Departure& left)
{
    while (left.zap) {
        if (ask_zap(p, left.range, STILL_ZAP_QUARANTINE) == 0 || !p.space.split_departed(left.range))
            return;
    }
}

void settle(Process& p, Departure& left)
{
    if (left.flush)
        shoot_down(p.space);
    zap(p, left);
}

// That of the task on whose behalf memory is filled; Linux's faults have none.
MemPolicy task_policy(const Process& p)
{
    const Thread& t = current_thread();
    return t.process == &p ? static_cast<const Task&>(t).policy : MemPolicy{};
}

bool task_interleaves(const Process& p)
{
    return task_policy(p).mode == PolicyMode::interleave;
}

// With so much more it has more than a process may.
bool exceeds_limit(const Process& p, u64 more)
{
    return more > p.space.limit_resident || p.space.resident_bytes() > p.space.limit_resident - more;
}

Frame* allocate_for(const Process& p, const Chunk& chunk)
{
    if (exceeds_limit(p, chunk.range.size())) [[unlikely]]
        return nullptr;
    const MemPolicy policy = chunk.policy.mode != PolicyMode::none ? chunk.policy : task_policy(p);
    const auto choice =
        policy.choose(chunk.range.start.raw() / page_size, chunk.order, this_cpu().arch.node.value);
    Frame* block = frames::allocate(NodeId(choice.first), chunk.order, choice.allowed);
    if (block == nullptr && !choice.strict && choice.allowed != ~0ull)
        block = frames::allocate(NodeId(choice.first), chunk.order);
    return block;
}

// Where memory may come from as it happens, what others have read of the file already will do.
bool may_share(const Process& p, const Chunk& chunk)
{
    const MemPolicy policy = chunk.policy.mode != PolicyMode::none ? chunk.policy : task_policy(p);
    return policy.mode == PolicyMode::none || policy.mode == PolicyMode::local ||
           policy.mode == PolicyMode::preferred;
}

// Clears, fills and installs one block. valid_end: where the file ends, if that is in it.
Status fill_chunk(Process& p, Chunk& chunk, UserAddr& valid_end)
{
    valid_end = chunk.range.end;
    Frame* block = allocate_for(p, chunk);
    if (block == nullptr) {
        p.space.abandon(chunk);
        return fail(Errno::nomem);
    }
    const u64 bytes = chunk.range.size();
    for (u64 at = 0; at < bytes; at += page_size_2m) {
        frames::clear(block->address() + at, min(bytes - at, page_size_2m));
        if (bytes > page_size_2m)
            arch::interrupt_window();
    }
    u64 valid = bytes;
    if (chunk.kind == VmaKind::file) {
        const auto got = read_file(p, *chunk.file, chunk.file_offset, block->address(), chunk.range.size());
        if (!got) {
            p.space.abandon(chunk);
            frames::release(block, chunk.order);
            return fail(Errno::io);
        }
        valid = min((got->bytes + page_size - 1) & ~(page_size - 1), bytes);
        valid_end = chunk.range.start + valid;
    }
    p.space.install(chunk, block, valid);
    close_files(p, p.space.take_closed());
    return {};
}

// Likewise; of a file as much as there is in the cache, up to limit, and read_ahead of what is not.
Status fill(Process& p, Chunk& chunk, UserRange limit, u64 read_ahead, UserAddr& valid_end)
{
    if (chunk.kind == VmaKind::file && may_share(p, chunk) &&
        fill_from_cache(p, chunk, limit, read_ahead, valid_end)) {
        p.space.abandon(chunk);
        close_files(p, p.space.take_closed());
        return {};
    }
    return fill_chunk(p, chunk, valid_end);
}

constexpr FaultError no_fault{0, 0};

std::atomic<u64> oom_kills{0};

} // namespace

FaultError out_of_memory(const Process& p, UserAddr a)
{
    if (exceeds_limit(p, page_size)) { // its own fault: the instance is well
        log("process {} is killed: it wants more memory than its limit, {} KiB (fault at {:x})", p.pid,
            p.space.limit_resident / KiB, a);
        return {sig_kill, si_kernel};
    }
    oom_kills.fetch_add(1);
    log("out of memory: process {} is killed (fault at {:x})", p.pid, a);
    return {sig_kill, si_kernel};
}

u64 num_oom_kills()
{
    return oom_kills.load();
}

namespace {

// Gives the page at a to this process alone, after a write to a page that others have too.
Status copy_on_write(Process& p, UserAddr a, bool patches)
{
    Frame* own = frames::allocate(this_cpu().arch.node, 0);
    if (own == nullptr)
        return fail(Errno::nomem);
    Departure left;
    PhysAddr shared;
    const auto departs = p.space.begin_copy(a, patches, shared, left);
    if (!departs || !*departs) {
        frames::release(own, 0);
        return departs ? Status{} : fail(departs.error());
    }
    settle(p, left);
    // Nobody writes to a page with several owners; and the departing entry is one of them until end_copy().
    __builtin_memcpy(arch::direct(own->address()), arch::direct(shared), page_size);
    p.space.end_copy(a, shared, own, left);
    return {};
}

Status begin_unmap(Process& p, UserRange range, Departure& left)
{
    return begin_when_settled([&] { return p.space.begin_unmap(range, left); });
}

} // namespace

u64 ask_zap(Process& p, UserRange range, still_zap_mode mode)
{
    still_msg m = message(p, STILL_MSG_ZAP);
    m.arg[0] = range.start.raw();
    m.arg[1] = range.size();
    m.arg[2] = mode;
    u64 pinned = 0;
    // Pages that Linux may still have mapped must never be freed; and it only refuses for a process it does not know.
    if (const auto done = ikc::ask(m, &pinned, patience_of(p)); !done)
        panic("Linux refused to zap {:x}-{:x} of process {}: error {}", m.arg[0], m.arg[0] + m.arg[1], p.pid,
              static_cast<u32>(done.error()));
    return pinned;
}

FaultError resolve_fault(Process& p, UserAddr a, Access access, Asker asker)
{
    ++this_cpu().counters->page_faults;
    p.page_faults.fetch_add(1, std::memory_order_relaxed);
    const bool interleaves = task_interleaves(p);
    Fault fault = p.space.examine(a, access, interleaves);
    while (fault.is_passing()) {
        // What is mapped anew or moved is never seen half done. Linux may hold mmap_lock, which to unmap there needs.
        if (fault.kind == FaultKind::leaves && asker == Asker::linux)
            return {sig_segv, segv_maperr};
        // A fork that waits goes first; what Linux asks for does not wait, since the fork may wait for that.
        if (fault.kind != FaultKind::copy || (asker == Asker::program && p.space.fork_waits()))
            wait_a_moment();
        else if (!copy_on_write(p, a, access == Access::patch))
            return out_of_memory(p, a);
        fault = p.space.examine(a, access, interleaves);
    }
    switch (fault.kind) {
    case FaultKind::busy:
    case FaultKind::leaves:
    case FaultKind::copy:
    case FaultKind::resolved:
        // Another CPU was first, or this CPU's translation was older than the entry.
        arch::invalidate_page(a.raw());
        return no_fault;
    case FaultKind::no_area:
        if (p.space.grow_down(a, p.limit_stack.soft))
            return resolve_fault(p, a, access, asker);
        if (PeerAddress there; access != Access::patch && is_of_peer(p, a.raw(), there))
            return resolve_peer_fault(p, there, a.raw(), access);
        return {sig_segv, segv_maperr};
    case FaultKind::no_right:
        return {sig_segv, segv_accerr};
    case FaultKind::mirror:
        // Linux faulted on the pseudo file, where its own mapping is about to be or was just now. It may hold
        // mmap_lock, which to serve us would need.
        return asker == Asker::linux ? FaultError{sig_segv, segv_maperr}
                                     : mirror_page(p, fault.chunk.range, a, access);
    case FaultKind::fill:
        break;
    }
    const UserRange everywhere{UserAddr(0), UserAddr(arch::user_limit)};
    UserAddr valid_end;
    const bool huge = fault.chunk.huge;
    Status done = fill(p, fault.chunk, everywhere, fault_read_ahead, valid_end);
    if (!done && huge)
        return {sig_bus, bus_adrerr}; // as Linux whose pool is empty
    if (!done && done.error() == Errno::nomem) {
        const UserAddr page = a.align_down(page_size);
        Chunk small = p.space.next_empty(page, {page, page + page_size}, 0);
        if (!small.range.empty())
            done = fill_chunk(p, small, valid_end);
        else
            done = {};
        if (!done && done.error() == Errno::nomem)
            return out_of_memory(p, a);
    }
    // The page lies behind the end of its file, or could not be read. If it is not there for another reason (the area
    // has changed, or was discarded at once) the program looks again.
    if ((!done || valid_end <= a) && !p.space.is_resident(a) && !p.space.examine_again(a))
        return {sig_bus, bus_adrerr};
    return no_fault;
}

Result<UserRange> reserve_place(Process& p, MapRequest request, bool replace)
{
    const UserRange wanted{request.hint, request.hint + request.length};
    request.kind = VmaKind::leaving;
    if (request.fixed && replace) {
        TRY_STATUS(make_room(p, wanted));
        request.over_leaving = true;
    }
    const auto range = begin_when_settled([&] { return p.space.map(request); });
    if (!range && request.over_leaving)
        p.space.drop_reserved(wanted);
    return range;
}

Status unmap(Process& p, UserRange range)
{
    Departure left;
    TRY_STATUS(begin_unmap(p, range, left));
    settle(p, left);
    const Status done = take_back(p, left);
    p.space.end_unmap(left, false);
    close_files(p, left.closed);
    return done;
}

Status protect(Process& p, UserRange range, u8 prot, i32 key)
{
    Departure left;
    TRY_STATUS(begin_when_settled([&] { return p.space.begin_protect(range, prot, key, left); }));
    settle(p, left);
    p.space.end_protect(left);
    return {};
}

Status discard(Process& p, UserRange range)
{
    Departure left;
    TRY_STATUS(begin_when_settled([&] { return p.space.begin_discard(range, left); }));
    settle(p, left);
    p.space.end_discard(left);
    return {};
}

Status populate(Process& p, UserRange range)
{
    for (UserAddr a = range.start; a < range.end;) {
        AddressSpace::AreaInfo area;
        if (!settled_area(p, a, range.end, area) || area.range.start > a)
            return fail(Errno::fault);
        if (area.prot == prot_none || area.kind == VmaKind::mirrored) {
            a = area.range.end;
            continue;
        }
        const u32 largest = area.kind == VmaKind::anonymous && arch::has_1g_pages() ? order_1g : order_2m;
        Chunk chunk = p.space.next_empty(a, range, largest, task_interleaves(p));
        if (chunk.range.empty()) {
            a = area.range.end;
            continue;
        }
        UserAddr valid_end;
        Status done = fill(p, chunk, range, page_size_2m, valid_end);
        if (!done && done.error() == Errno::nomem && chunk.order > 0 && !chunk.huge) {
            // No block of that size: go on with single pages.
            Chunk small =
                p.space.next_empty(a, range, chunk.order > order_2m ? order_2m : 0, task_interleaves(p));
            if (small.range.empty())
                continue;
            done = fill_chunk(p, small, valid_end);
            chunk.range = small.range;
        }
        if (!done)
            return done;
        a = valid_end < chunk.range.end ? area.range.end
                                        : chunk.range.end; // behind the end of the file is nothing
        if (p.dying.load(std::memory_order_relaxed))
            return fail(Errno::intr);
    }
    return {};
}

Status make_room(Process& p, UserRange range)
{
    if (!p.space.is_app_range(range))
        return fail(Errno::nomem);
    Departure left;
    TRY_STATUS(begin_unmap(p, range, left));
    settle(p, left);
    const Status done = take_back(p, left);
    p.space.end_unmap(left, done.has_value());
    close_files(p, left.closed);
    return done;
}

Result<UserAddr> map_area(Process& p, MapRequest request, bool replace, bool eager)
{
    if (request.fixed && replace) {
        TRY_STATUS(make_room(p, {request.hint, request.hint + request.length}));
        request.over_leaving = true;
    }
    const auto range = begin_when_settled([&] { return p.space.map(request); });
    if (!range) {
        if (request.over_leaving)
            p.space.drop_reserved({request.hint, request.hint + request.length});
        return fail(range.error());
    }
    if (eager && request.prot != prot_none) {
        if (const Status filled = populate(p, *range); !filled && filled.error() == Errno::nomem) {
            (void)unmap(p, *range);
            return fail(Errno::nomem);
        }
    }
    return range->start;
}

void destroy_memory(Process& p)
{
    shoot_down(p.space); // CPUs that idle on it let go
    forget_peers(p);
    p.space.destroy();
    forget_files(p, p.space.take_closed());
}

} // namespace still
