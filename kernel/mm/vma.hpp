// SPDX-License-Identifier: BSD-2-Clause
// The map of a process's virtual memory areas. Pure; the caller holds the address space's lock.
#pragma once

#include <atomic>
#include <base/prot.hpp>
#include <base/result.hpp>
#include <base/types.hpp>
#include <boost/intrusive/set.hpp>
#include <mm/policy.hpp>

namespace still {

// A file as the module knows it; refs counts the VMAs that map it.
struct MappedFile {
    u32 handle = 0;
    u32 refs = 0;
    MappedFile* next_closed = nullptr; // chain of files whose last reference is gone
    MappedFile* twin = nullptr;        // of the child, while a fork copies areas
    std::atomic<u64> key{0};           // the file's (STILL_MSG_FILE_KEY), as it was asked for
    std::atomic<u64> key_until{0};     // TSC: then it is asked for again
};

enum class VmaKind : u8 {
    anonymous,
    file,     // private file pages
    foreign,  // Linux's vDSO and time pages
    mirrored, // memory whose home is Linux: the proxy has it mapped at the same place
    leaving,  // being unmapped: nobody may use or reuse it until that is done
};

using TreeHook = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                                 boost::intrusive::optimize_size<true>>;

// What madvise, mlock and mbind have said of an area; areas that differ in it are not merged.
struct AreaTraits {
    bool grows_down = false;   // MAP_GROWSDOWN: a fault just below extends it
    bool dont_fork = false;    // MADV_DONTFORK: a child does not have it
    bool wipe_on_fork = false; // MADV_WIPEONFORK: a child finds zeros
    bool locked = false;       // mlock
    u8 key = 0;                // protection key
    u8 huge = 0; // MAP_HUGETLB: log2 of its page size; filled and changed in multiples of that only
    bool no_reserve = false; // MAP_NORESERVE: making it writable costs nothing
    MemPolicy policy;

    bool operator==(const AreaTraits&) const = default;
};

constexpr u8 huge_shift_2m = 21, huge_shift_1g = 30;

struct Vma : TreeHook {
    UserRange range;
    VmaKind kind = VmaKind::anonymous;
    u8 prot = prot_none;
    bool lazy = false;  // filled on demand only
    bool stack = false; // the first thread's
    // Mirrored, also while it leaves: the proxy has a mapping there that is not the pseudo file's.
    bool in_linux = false;
    bool hole = false; // leaving: nothing was there, and it counts as nothing
    u32 segment = 0;   // mirrored: which attachment of a System V segment, 0: of none
    AreaTraits traits;
    MappedFile* file = nullptr;
    u64 file_offset = 0; // of range.start

    // All but the place; file_offset is that of o's start. The file's references are the caller's business.
    void take_properties(const Vma& o)
    {
        kind = o.kind;
        prot = o.prot;
        lazy = o.lazy;
        stack = o.stack;
        traits = o.traits;
        in_linux = o.in_linux;
        hole = o.hole;
        segment = o.segment;
        file = o.file;
        file_offset = o.file_offset;
    }
    [[nodiscard]] u64 offset_of(UserAddr a) const { return file_offset + (a - range.start); }
    bool operator<(const Vma& o) const { return range.start < o.range.start; }
};

struct VmaStart {
    using type = UserAddr;
    UserAddr operator()(const Vma& v) const { return v.range.start; }
};

// Where Vma objects come from; allocate() may return nullptr.
struct VmaSource {
    Vma* (*allocate)(void* context);
    void (*release)(void* context, Vma* vma);
    void* context;
};

constexpr u64 max_areas = 65530;           // Linux's vm.max_map_count
constexpr u64 stack_gap = 256 * page_size; // its stack_guard_gap

class VmaMap {
  public:
    explicit VmaMap(VmaSource source) : source_(source) {}
    ~VmaMap() { clear(); }
    VmaMap(const VmaMap&) = delete;
    VmaMap& operator=(const VmaMap&) = delete;

    using Tree = boost::intrusive::set<Vma, boost::intrusive::key_of_value<VmaStart>>;
    using iterator = Tree::iterator;

    [[nodiscard]] Vma* find(UserAddr a);
    // First area that ends behind a.
    [[nodiscard]] iterator first_behind(UserAddr a);
    [[nodiscard]] iterator begin() { return tree_.begin(); }
    [[nodiscard]] iterator end() { return tree_.end(); }
    [[nodiscard]] bool overlaps(UserRange range);
    // Is there nothing in the range but what leaves?
    [[nodiscard]] bool only_leaving(UserRange range);
    // Is there anything that leaves?
    [[nodiscard]] bool any_leaving(UserRange range)
    {
        for (auto it = first_behind(range.start); it != tree_.end() && it->range.start < range.end; ++it)
            if (it->kind == VmaKind::leaving)
                return true;
        return false;
    }
    // Copies proto into a new area (its file gains a reference) and merges it with equal neighbours.
    // proto.range must be free.
    Status insert(const Vma& proto);
    // Afterwards no area straddles range.start or range.end, but what leaves: that stays the one area that its owner
    // made. nomem changes nothing that can be seen.
    Status split_around(UserRange range);
    // What is free in the range becomes leaving areas, whose owner nobody comes in between then. nomem changes nothing.
    Status fill_holes(UserRange range);
    // Removes one area. Returns its file if that was the last reference, else nullptr.
    [[nodiscard]] MappedFile* erase(iterator it);
    // Merges areas in and next to the range where they continue each other.
    void merge_around(UserRange range);
    // Highest free place of that size below top and not below bottom; size and bounds page aligned.
    [[nodiscard]] Result<UserAddr> find_gap(u64 size, u64 align, UserRange bounds);
    [[nodiscard]] u64 count() const { return count_; }
    [[nodiscard]] u64 mapped_bytes() const { return bytes_; }
    void clear();
    // Was there ever an area with in_linux set?
    [[nodiscard]] bool had_in_linux() const { return had_in_linux_; }

  private:
    Status split(UserAddr at);
    void drop_holes(UserRange range);
    MappedFile* remove(iterator it);
    [[nodiscard]] static bool continues(const Vma& a, const Vma& b);

    VmaSource source_;
    Tree tree_;
    u64 count_ = 0;
    u64 bytes_ = 0;
    bool had_in_linux_ = false;
    // find_gap: between these two no gap is larger than that.
    UserAddr searched_from_;
    UserAddr searched_down_to_;
    u64 largest_gap_above_ = ~0ull;
};

} // namespace still
