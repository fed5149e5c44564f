// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <exec/linux_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>

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

// Linux takes its mappings of the range away. Number of pages in it that are pinned, but below a large leaf.
u64 ask_zap(Process& p, UserRange range, bool mark_pinned)
{
    still_msg m = message(p, STILL_MSG_ZAP);
    m.arg[0] = range.start.raw();
    m.arg[1] = range.size();
    m.arg[2] = mark_pinned ? 1 : 0;
    u64 pinned = 0;
    // Pages that Linux may still have mapped must never be freed; and it only refuses for a process it does not know.
    if (const auto done = ikc::ask(m, &pinned); !done)
        panic("Linux refused to zap {:x}-{:x} of process {}: error {}", m.arg[0], m.arg[0] + m.arg[1], p.pid,
              static_cast<u32>(done.error()));
    return pinned;
}

// Waits until Linux has none of the departed mappings left, and large leaves with pins are split so that the
// module can mark the pinned pages.
void zap(Process& p, Departure& left)
{
    while (left.zap) {
        if (ask_zap(p, left.range, false) == 0 || !p.space.split_departed(left.range))
            return;
    }
}

void settle(Process& p, Departure& left)
{
    if (left.flush)
        shoot_down(p.space);
    zap(p, left);
}

Result<u64> fill_from_file(Process& p, const Chunk& chunk, PhysAddr block)
{
    still_msg m = message(p, STILL_MSG_FILL);
    m.arg[0] = chunk.file->handle;
    m.arg[1] = chunk.file_offset;
    m.arg[2] = block.raw();
    m.arg[3] = chunk.range.size();
    const u64 bytes = TRY(ikc::ask(m));
    return min((bytes + page_size - 1) & ~(page_size - 1), chunk.range.size());
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

Frame* allocate_for(const Process& p, const Chunk& chunk)
{
    const MemPolicy policy = chunk.policy.mode != PolicyMode::none ? chunk.policy : task_policy(p);
    const auto choice =
        policy.choose(chunk.range.start.raw() / page_size, chunk.order, this_cpu().arch.node.value);
    Frame* block = frames::allocate(NodeId(choice.first), chunk.order, choice.allowed);
    if (block == nullptr && !choice.strict && choice.allowed != ~0ull)
        block = frames::allocate(NodeId(choice.first), chunk.order);
    return block;
}

// Clears, fills and installs one block. false in *useful: not a byte of the file was there.
Status fill_chunk(Process& p, Chunk& chunk, bool* useful)
{
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
        const auto got = fill_from_file(p, chunk, block->address());
        if (!got) {
            p.space.abandon(chunk);
            frames::release(block, chunk.order);
            return fail(Errno::io);
        }
        valid = *got;
    }
    if (useful != nullptr)
        *useful = valid != 0;
    p.space.install(chunk, block, valid);
    close_files(p, p.space.take_closed());
    return {};
}

constexpr FaultError no_fault{0, 0};

FaultError out_of_memory(const Process& p, UserAddr a)
{
    log("out of memory: process {} is killed (fault at {:x})", p.pid, a);
    return {sig_kill, si_kernel};
}

// Gives the page at a to this process alone, after a write to a page that others have too.
Status copy_on_write(Process& p, UserAddr a)
{
    Frame* own = frames::allocate(this_cpu().arch.node, 0);
    if (own == nullptr)
        return fail(Errno::nomem);
    Departure left;
    PhysAddr shared;
    const auto departs = p.space.begin_copy(a, shared, left);
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
    for (;;) {
        const Status begun = p.space.begin_unmap(range, left);
        if (begun || begun.error() != Errno::again)
            return begun;
        wait_a_moment();
    }
}

} // namespace

FaultError resolve_fault(Process& p, UserAddr a, Access access, Asker asker)
{
    ++this_cpu().counters->page_faults;
    p.page_faults.fetch_add(1, std::memory_order_relaxed);
    const bool interleaves = task_interleaves(p);
    Fault fault = p.space.examine(a, access, interleaves);
    while (fault.kind == FaultKind::busy || fault.kind == FaultKind::copy) {
        if (fault.kind == FaultKind::busy)
            wait_a_moment();
        else if (!copy_on_write(p, a))
            return out_of_memory(p, a);
        fault = p.space.examine(a, access, interleaves);
    }
    switch (fault.kind) {
    case FaultKind::busy:
    case FaultKind::copy:
    case FaultKind::resolved:
        // Another CPU was first, or this CPU's translation was older than the entry.
        arch::invalidate_page(a.raw());
        return no_fault;
    case FaultKind::no_area:
        if (p.space.grow_down(a, p.limit_stack.soft))
            return resolve_fault(p, a, access, asker);
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
    Status done = fill_chunk(p, fault.chunk, nullptr);
    if (!done && done.error() == Errno::nomem) {
        const UserAddr page = a.align_down(page_size);
        Chunk small = p.space.next_empty(page, {page, page + page_size}, 0);
        if (!small.range.empty())
            done = fill_chunk(p, small, nullptr);
        else
            done = {};
        if (!done && done.error() == Errno::nomem)
            return out_of_memory(p, a);
    }
    if (!done || !p.space.is_resident(a)) {
        // The page lies behind the end of its file, or could not be read - or the area changed: look again.
        if (p.space.examine_again(a))
            return no_fault;
        return {sig_bus, bus_adrerr};
    }
    return no_fault;
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
    TRY_STATUS(p.space.begin_protect(range, prot, key, left));
    settle(p, left);
    p.space.end_protect(left);
    return {};
}

Status discard(Process& p, UserRange range)
{
    Departure left;
    for (;;) {
        const Status begun = p.space.begin_discard(range, left);
        if (begun)
            break;
        if (begun.error() != Errno::again)
            return begun;
        wait_a_moment();
    }
    settle(p, left);
    p.space.end_discard(left);
    return {};
}

Status populate(Process& p, UserRange range)
{
    for (UserAddr a = range.start; a < range.end;) {
        AddressSpace::AreaInfo area;
        if (!p.space.area(a, area) || area.range.start > a)
            return fail(Errno::nomem);
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
        a = chunk.range.end;
        bool useful = true;
        Status done = fill_chunk(p, chunk, &useful);
        if (!done && done.error() == Errno::nomem && chunk.order > 0) {
            // No block of that size: go on with single pages.
            a = chunk.range.start;
            Chunk small =
                p.space.next_empty(a, range, chunk.order > order_2m ? order_2m : 0, task_interleaves(p));
            if (small.range.empty())
                continue;
            a = small.range.end;
            done = fill_chunk(p, small, &useful);
        }
        if (!done)
            return done;
        if (!useful)
            a = area.range.end; // behind the end of the file
        if (p.dying.load(std::memory_order_relaxed))
            return fail(Errno::intr);
    }
    return {};
}

Result<bool> make_room(Process& p, UserRange range)
{
    if (!p.space.is_app_range(range))
        return fail(Errno::nomem);
    AddressSpace::AreaInfo area;
    if (!p.space.area(range.start, area) || area.range.start >= range.end)
        return false;
    Departure left;
    TRY_STATUS(begin_unmap(p, range, left));
    settle(p, left);
    const Status done = take_back(p, left);
    p.space.end_unmap(left, done.has_value());
    close_files(p, left.closed);
    TRY_STATUS(done);
    return true;
}

Result<UserAddr> map_area(Process& p, MapRequest request, bool replace, bool eager)
{
    if (request.fixed && replace)
        request.over_leaving = TRY(make_room(p, {request.hint, request.hint + request.length}));
    const auto range = p.space.map(request);
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

Status fork_memory(Process& parent, Process& child)
{
    Departure left;
    Status begun = parent.space.begin_fork(child.space, left);
    while (!begun && begun.error() == Errno::again) {
        wait_a_moment();
        begun = parent.space.begin_fork(child.space, left);
    }
    if (left.flush)
        shoot_down(parent.space);
    while (left.zap && ask_zap(parent, left.range, true) != 0) {
        const auto split = parent.space.split_pinned(left.range);
        if (split && *split)
            continue;
        if (!split && begun)
            begun = fail(split.error());
        break;
    }
    const Status ended = parent.space.end_fork(child.space, left);
    return begun ? ended : begun;
}

Status copy_pages(Process& p, UserAddr from, UserAddr to, u64 bytes)
{
    Frame* bounce = frames::allocate(this_cpu().arch.node, 0);
    if (bounce == nullptr)
        return fail(Errno::nomem);
    void* page = arch::direct(bounce->address());
    Status done{};
    for (u64 at = 0; at < bytes && done; at += page_size) {
        // What was never touched stays untouched.
        if (!p.space.is_resident(from + at))
            continue;
        done = copy_from_user(page, from.raw() + at, page_size);
        if (done)
            done = copy_to_user(to.raw() + at, page, page_size);
        arch::interrupt_window();
    }
    frames::release(bounce, 0);
    return done;
}

void destroy_memory(Process& p)
{
    shoot_down(p.space); // CPUs that idle on it let go
    p.space.destroy();
    close_files(p, p.space.take_closed());
}

} // namespace still
