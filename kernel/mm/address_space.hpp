// SPDX-License-Identifier: BSD-2-Clause
// The memory of one process: its areas, its page tables, and the steps of changing them.
//
// Nothing here blocks or sends messages. A change that takes rights away comes in two halves: begin_*()
// alters areas and entries under the lock and says what is left to do (Departure); the caller flushes TLBs,
// has Linux's mappings zapped, then calls end_*(), which frees what nobody can reach any more. Between the
// halves the range is a 'leaving' area: not usable, not reusable.
#pragma once

#include <arch/page_table.hpp>
#include <atomic>
#include <base/spin_lock.hpp>
#include <mm/frame.hpp>
#include <mm/vma.hpp>
#include <stillcore/process.h>

namespace still {

struct MapRequest {
    UserAddr hint;
    u64 length = 0;
    u8 prot = prot_none;
    VmaKind kind = VmaKind::anonymous;
    bool fixed = false;        // exactly at hint, which must be free (exist otherwise)
    bool over_leaving = false; // hint's range is the whole of a leaving area of the caller's own making
    bool lazy = false;
    bool stack = false;
    bool low = false; // MAP_32BIT: below 2 GiB
    AreaTraits traits;
    bool in_linux = false;
    u32 segment = 0;
    MappedFile* file = nullptr;
    u64 file_offset = 0;
};

// What is left to do after rights were taken away.
struct Departure {
    UserRange range;
    bool flush = false;    // some CPU may hold a translation
    bool zap = false;      // Linux may have it mapped
    bool departed = false; // entries stay, as departing, until they are reaped
    bool in_linux = false; // Linux has mappings of its own there: the pseudo file is to replace them
    FrameChain frames;     // free once flushed
    FrameChain tables;     // likewise, and no walker left
    MappedFile* closed = nullptr;
    Departure* next = nullptr; // discards under way in one space
};

// A piece of an area that is to be filled with one block of memory.
struct Chunk {
    UserRange range; // the whole block
    u32 order = 0;
    VmaKind kind = VmaKind::anonymous;
    MappedFile* file = nullptr; // with a reference, dropped by install() or abandon()
    u64 file_offset = 0;
    MemPolicy policy; // the area's; none: the task's
    u8 prot = prot_none;
    bool huge = false; // no smaller block will do
};

enum class Access : u8 {
    read,
    write,
    execute,
    patch
}; // patch: written for a debugger, whatever the area allows
enum class FaultKind : u8 {
    resolved, // the entry allows it
    fill,     // an empty entry
    copy,     // a write to a page that others share
    mirror,   // an entry of memory whose home is Linux
    busy,     // the entry is being changed by somebody else: look again later
    leaves,   // likewise the area
    no_area,
    no_right,
};
struct Fault {
    FaultKind kind;
    Chunk chunk; // if fill; if mirror its range: what Linux is to be asked for, empty: no memory for tables
    [[nodiscard]] bool is_passing() const
    {
        return kind == FaultKind::copy || kind == FaultKind::busy || kind == FaultKind::leaves;
    }
};

// How far a copy from one address space to another came, and which side has to be faulted in before it goes on.
struct Transfer {
    enum class Missing : u8 { nothing, source, target };
    u64 bytes = 0;
    Missing missing = Missing::nothing;
};

// Whoever writes to such a page needs one of its own first.
[[nodiscard]] inline bool is_others_too(u64 e)
{
    return (e & STILL_PTE_SHARED) != 0 && (e & STILL_PTE_WRITE) == 0;
}

class AddressSpace {
  public:
    using CpuSet = std::atomic<u64>[STILL_MAX_CPUS / 64];

    AddressSpace();
    ~AddressSpace();
    AddressSpace(const AddressSpace&) = delete;
    AddressSpace& operator=(const AddressSpace&) = delete;

    // walkers: the module's count of page-table walks under way (stillcore/pte.h).
    Status init(const still_proc_page& page, const u32* walkers);
    // What a CPU loads, and where the process's own tables begin: these may be two, see address_space_peers.cpp.
    [[nodiscard]] PhysAddr root() const { return loaded_root_; }
    [[nodiscard]] PhysAddr tables() const { return table_.root(); }
    [[nodiscard]] bool is_app_range(UserRange range) const;

    // again: a place is to be reserved, as a leaving area, and a fork waits.
    Result<UserRange> map(const MapRequest& request) EXCLUDES(lock_);
    Status begin_unmap(UserRange range, Departure& left) EXCLUDES(lock_);
    // keep: leave the range reserved as a leaving area, for map() with over_leaving.
    void end_unmap(Departure& left, bool keep) EXCLUDES(lock_);
    // key: a protection key, or keep_key: as it is, but that of execute-only memory goes.
    static constexpr i32 keep_key = -1;
    // again: a part of it leaves.
    Status begin_protect(UserRange range, u8 prot, i32 key, Departure& left) EXCLUDES(lock_);
    void end_protect(Departure& left) EXCLUDES(lock_);
    // Frees the pages of anonymous areas in the range, or of all if files is set (MADV_DONTNEED).
    Status begin_discard(UserRange range, Departure& left) EXCLUDES(lock_);
    void end_discard(Departure& left) EXCLUDES(lock_);
    // The next part, at or behind from, of areas of that file which lies behind its end. false: there is none.
    bool next_behind_end(u32 handle, u64 bytes, UserAddr from, UserRange& part) EXCLUDES(lock_);
    // Splits large departing leaves into small ones. false: nothing was split.
    bool split_departed(UserRange range) EXCLUDES(lock_);

    // fork: makes child a copy of this one, page by page shared, and takes the right to write away from both.
    // again: areas or entries are being changed: try again; until then (TSC), or the fork, no new change begins but
    // what one under way may need: copies for Linux, and a move to a place that is reserved. Whatever else comes back,
    // the departure is to be settled (with Linux asked for pinned pages), and then end_fork() has to follow. Meanwhile
    // writes to shared pages wait, and nothing is unmapped or discarded. child is fresh.
    Status begin_fork(AddressSpace& child, u64 patience, Departure& left) EXCLUDES(lock_);
    [[nodiscard]] bool fork_waits() EXCLUDES(lock_);
    // Splits large leaves with pinned pages. false: there were none; else Linux is to be asked once more.
    Result<bool> split_pinned(UserRange range) EXCLUDES(lock_);
    // Gives the child copies of the pinned pages, which stay the parent's.
    Status end_fork(AddressSpace& child, Departure& left) EXCLUDES(lock_);
    // A write fault on a shared page. true: the entry departs now, settle it and call end_copy() with a copy of
    // *shared; false: nothing to copy (any more): look again.
    // patches: also where the area may not be written.
    Result<bool> begin_copy(UserAddr a, bool patches, PhysAddr& shared, Departure& left) EXCLUDES(lock_);
    void end_copy(UserAddr a, PhysAddr shared, Frame* own, Departure& left) EXCLUDES(lock_);

    // Copies as far as the pages are there, readable and writable, and not Linux's. The two may be one.
    static Transfer copy_between(AddressSpace& to, UserAddr to_start, AddressSpace& from, UserAddr from_start,
                                 u64 bytes);

    // Likewise from the kernel, for ptrace(2), to pages that are the program's alone. How many bytes.
    u64 put(UserAddr to, const void* from, u64 bytes) EXCLUDES(lock_);
    u64 get(UserAddr from, void* to, u64 bytes) EXCLUDES(lock_);

    // mremap: the pages of a range go to another place, which is reserved as a leaving area. The range leaves until
    // that is done. again: somebody is at it; fault: it is not all of target's kind and file. When the departure is
    // settled (with Linux asked to mark nothing) end_move() puts them there, all at once, makes an area of target's
    // kind of it, with the rights and traits that the range left with, and where they were has either nothing or
    // (keep) areas without pages, which are not locked.
    Status begin_move(UserRange from, const MapRequest& target, Departure& left) EXCLUDES(lock_);
    void end_move(const MapRequest& target, bool keep, Departure& left) EXCLUDES(lock_);
    std::atomic<bool> turn{false}; // of syscall/memory.hpp
    // A page, of 4 KiB or 2 MiB, goes to another node: likewise; end_relocate() puts the copy in its place, or leaves
    // it as it was. false: it is there. noent: there is no page; acces: it is shared; again: somebody is at it.
    struct Relocation {
        UserAddr start;
        PhysAddr frame;
        u32 order;
    };
    Result<bool> begin_relocate(UserAddr a, NodeId to, Relocation& page, Departure& left) EXCLUDES(lock_);
    void end_relocate(const Relocation& page, Frame* copy, Departure& left) EXCLUDES(lock_);

    // What a fault at a needs. A chunk to fill comes with a reference to its file.
    // interleaves: the task's policy does, so blocks are of one page, or of 2 MiB.
    Fault examine(UserAddr a, Access access, bool interleaves = false) EXCLUDES(lock_);
    // The next empty piece at or behind a, in the area of a only, at most limit.end. nullopt-like: order of
    // an empty range when nothing is left. At most 2^max_chunk frames.
    [[nodiscard]] Chunk next_empty(UserAddr a, UserRange limit, u32 max_chunk, bool interleaves = false)
        EXCLUDES(lock_);
    // Puts the block in place where the area still is what it was; what did not fit is freed.
    // valid_bytes: pages behind it (end of file) are left empty and freed.
    void install(Chunk& chunk, Frame* block, u64 valid_bytes) EXCLUDES(lock_);
    void abandon(Chunk& chunk) EXCLUDES(lock_);
    // Of a file: extends the chunk to what lies in the same bytes of the file (a power of two), the area and limit.
    // false: the area is not what it was.
    bool widen(Chunk& chunk, UserRange limit, u64 bytes) EXCLUDES(lock_);
    // Maps count frames, which hold the file from that offset on, where they fall into the chunk and nothing is yet.
    // shared: they have other owners, too, and come with one for this space each. What is not mapped is given up.
    void install_pages(const Chunk& chunk, u64 file_offset, Frame* first, u32 count, bool shared)
        EXCLUDES(lock_);
    // Maps frames of Linux's read-only (vvar pages) or executable (the others); 0: a hole.
    Status map_foreign(UserAddr at, const u64* frames, u32 count, u32 data_pages) EXCLUDES(lock_);

    // Memory whose home is Linux (address_space_mirror.cpp). The next piece of a range that leaves in which Linux has
    // a mapping of its own; false: there is none.
    bool next_in_linux(UserRange range, UserRange& piece) EXCLUDES(lock_);
    // The pseudo file has taken that piece over.
    void taken_back(UserRange piece) EXCLUDES(lock_);
    // It could not: the areas that leave stay what they were.
    void keep_in_linux(UserRange range) EXCLUDES(lock_);
    // Gives up a range that was reserved as a leaving area, and that no mapping came into.
    void drop_reserved(UserRange range) EXCLUDES(lock_);
    // Has the process ever had such memory? Without the lock: what a thread mapped itself it sees.
    [[nodiscard]] bool shares_memory() const NO_THREAD_SAFETY { return areas_.had_in_linux(); }
    // The number for the next attachment of a System V segment.
    [[nodiscard]] u32 next_segment() { return ++last_segment_; }

    // Changes the traits of all areas in the range, by change(AreaTraits&). nomem: there are holes (after the rest
    // was done), or no room for more areas. again: a part of it leaves, nothing was changed.
    template <class Change> Status change_traits(UserRange range, Change&& change) EXCLUDES(lock_)
    {
        LockGuard guard(lock_);
        if (areas_.any_leaving(range))
            return fail(Errno::again);
        // A leaf lies in one area only: a fork would count it twice, or miss that a part of it is not the child's.
        TRY_STATUS(table_.split_at(range.start));
        TRY_STATUS(table_.split_at(range.end));
        TRY_STATUS(areas_.split_around(range));
        UserAddr covered = range.start;
        for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end;
             ++it) {
            if (it->range.start == covered)
                covered = it->range.end;
            change(it->traits);
        }
        areas_.merge_around(range);
        return covered < range.end ? Status(fail(Errno::nomem)) : Status{};
    }
    // Bytes of areas that are locked, and of private writable ones that are no stacks (RLIMIT_DATA).
    struct Counted {
        u64 locked;
        u64 data;
    };
    [[nodiscard]] Counted count_bytes() EXCLUDES(lock_);
    // A fault at a below a MAP_GROWSDOWN area: extends it, if it gets no larger than limit. false: it can't.
    bool grow_down(UserAddr a, u64 limit) EXCLUDES(lock_);
    // Protection keys (address_space_keys.cpp): which of them are the program's; that of execute-only memory, which is
    // taken when it is first asked for, is not. -1: none is left.
    i32 allocate_key() EXCLUDES(lock_);
    bool free_key(i32 key) EXCLUDES(lock_);
    [[nodiscard]] bool owns_key(i32 key) EXCLUDES(lock_);
    i32 execute_only_key() EXCLUDES(lock_);
    // Has any memory another key than 0? Without the lock: a thread sees what it did itself.
    [[nodiscard]] bool uses_keys() const { return uses_keys_.load(std::memory_order_relaxed); }
    // Was there ever an area of MAP_HUGETLB? Likewise.
    [[nodiscard]] bool uses_huge() const { return uses_huge_.load(std::memory_order_relaxed); }
    // Of the area at a; -1: there is none.
    [[nodiscard]] i32 key_at(UserAddr a) EXCLUDES(lock_);
    // The node of the page at a. noent: there is none.
    Result<NodeId> node_at(UserAddr a) EXCLUDES(lock_);
    // How often memory whose home is Linux began to be unmapped.
    std::atomic<u32> left_linux{0};
    std::atomic<u8> lock_future{0}; // mlockall's MCL_FUTURE and MCL_ONFAULT, for areas to come

    struct AreaInfo {
        UserRange range;
        AreaTraits traits;
        u8 prot = prot_none;
        VmaKind kind = VmaKind::anonymous;
        bool lazy = false;
        bool stack = false;
        i32 file = -1; // handle
        u32 segment = 0;
        u64 file_offset = 0;
    };
    // The area at a, or the first behind it; false if there is none.
    bool area(UserAddr a, AreaInfo& info) EXCLUDES(lock_);
    [[nodiscard]] bool is_resident(UserAddr a) EXCLUDES(lock_);
    // The first address at or behind a, below end, for which there is a page; else end.
    [[nodiscard]] UserAddr next_resident(UserAddr a, UserAddr end) EXCLUDES(lock_);
    // The leaf at a, for tests: nothing keeps it from changing.
    [[nodiscard]] arch::Leaf leaf_of(UserAddr a) const { return table_.find(a); }
    // After a fill that left a without a page: has the area become another one, so that trying again helps?
    [[nodiscard]] bool examine_again(UserAddr a) EXCLUDES(lock_);
    [[nodiscard]] u64 mapped_bytes() EXCLUDES(lock_);
    [[nodiscard]] u64 peak_mapped_bytes() const { return peak_mapped_.load(std::memory_order_relaxed); }
    // Bytes of memory behind the areas: now, at most so far, and of a part (a walk of the tables).
    [[nodiscard]] u64 resident_bytes() const { return resident_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 peak_resident_bytes() const { return peak_resident_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 resident_in(UserRange range) EXCLUDES(lock_);
    // The same by nodes, and by leaves of 4 KiB, 2 MiB and 1 GiB; added to what is there. Linux's own memory is not.
    using Usage = u64[STILL_MAX_NODES][3];
    void add_usage(UserRange range, Usage& usage) EXCLUDES(lock_);

    // Frees all memory. No thread uses it, no CPU has it loaded, no Linux mapping is left.
    void destroy() EXCLUDES(lock_);
    // Files whose last mapping went since the last call, chained.
    [[nodiscard]] MappedFile* take_closed() EXCLUDES(lock_);

    // The one object for that handle: a fresh one, or that of an area which maps it already.
    MappedFile* find_or_make_file(u32 handle) EXCLUDES(lock_);
    MappedFile* make_file(u32 handle);
    void free_file(MappedFile* file);

    // Heap and limits: set up before the first thread runs. brk(2) is the program's to serialise.
    UserAddr brk_start;
    UserAddr brk_end;
    UserAddr mmap_top;
    still_limit limit_as{};
    still_limit limit_data{};
    u64 limit_resident = ~0ull; // of resident_bytes()

    // Peers (address_space_peers.cpp), while no CPU has it loaded: a top-level table of its own for slots, and a mask
    // of CPUs that all of the group have in common; which must live until no CPU can have it loaded again.
    Status make_slots(CpuSet& cpus_of_group) EXCLUDES(lock_);
    // The slot shows nothing, or what that table of another space, as its shared_table() says, leads to. CPUs may keep
    // translations of what was there before.
    void set_slot(u32 slot, PhysAddr table, bool writable);
    [[nodiscard]] PhysAddr shared_table() const;
    [[nodiscard]] bool has_slots() const { return active != &own_active_; }

    // CPUs that may hold translations of its pages.
    CpuSet* active = &own_active_;

  private:
    void drop_file(MappedFile* file, MappedFile*& chain) REQUIRES(lock_);
    void remove_leaf(arch::Leaf leaf, Departure& left) REQUIRES(lock_);
    void reap_departed(Departure& left) REQUIRES(lock_);
    Status make_loaded_root();
    void drop_loaded_root() REQUIRES(lock_);
    bool leads_to(UserAddr a, PhysAddr frame) const;
    Status copy_area(AddressSpace& child, const Vma& vma, Departure& left) REQUIRES(lock_);
    Status share_leaf(AddressSpace& child, arch::Leaf leaf, arch::Leaf& own, Departure& left) REQUIRES(lock_);
    void release_tables(Departure& left);
    [[nodiscard]] Chunk chunk_at(Vma& vma, UserAddr a, UserRange limit, u32 largest, bool interleaves)
        REQUIRES(lock_);
    [[nodiscard]] bool is_empty(UserRange range) REQUIRES(lock_);
    // Is any of it being discarded? Its areas stay: what others let depart, end_discard() would take for its own.
    [[nodiscard]] bool is_discarded(UserRange range) const REQUIRES(lock_);
    // Are entries of it being discarded, copied or moved by somebody?
    [[nodiscard]] bool is_departing(UserRange range) REQUIRES(lock_);
    // Is a fork under way, or does one wait that goes first?
    [[nodiscard]] bool yields_to_fork() const REQUIRES(lock_);
    void take_retired(Departure& left) REQUIRES(lock_);
    bool install_page(const Chunk& chunk, UserAddr a, u64 offset, PhysAddr frame, bool shared)
        REQUIRES(lock_);
    [[nodiscard]] u32 fault_order(const Vma& vma, UserAddr a) const REQUIRES(lock_);
    Fault examine_mirrored(const Vma& vma, UserAddr a, Access access) REQUIRES(lock_);
    static void retire_table(void* self, PhysAddr page);
    void count_resident(u64 bytes) REQUIRES(lock_);

    CpuSet own_active_{};
    SpinLock lock_;
    PhysAddr loaded_root_;
    VmaMap areas_ GUARDED_BY(lock_);
    arch::PageTable table_;
    FrameChain retired_; // table pages, under lock_
    MappedFile* closed_ GUARDED_BY(lock_) = nullptr;
    UserRange app_[STILL_MAX_APP_RANGES];
    u32 num_app_ = 0;
    const u32* walkers_ = nullptr;
    bool forking_ GUARDED_BY(lock_) = false;     // between begin_fork() and end_fork()
    u64 fork_waits_until_ GUARDED_BY(lock_) = 0; // TSC; it may have been given up
    u16 keys_ GUARDED_BY(lock_) = 1;             // bit n: key n is in use
    i32 execute_only_key_ GUARDED_BY(lock_) = -1;
    std::atomic<bool> uses_keys_{false};
    std::atomic<bool> uses_huge_{false};
    Departure* discards_ GUARDED_BY(lock_) = nullptr;
    u32 departures_ GUARDED_BY(lock_) = 0; // begun and not ended: entries may be departing
    // Written under lock_, read without.
    std::atomic<u64> resident_{0};
    std::atomic<u64> peak_resident_{0};
    std::atomic<u64> peak_mapped_{0};
    std::atomic<u32> last_segment_{0};
};

} // namespace still
