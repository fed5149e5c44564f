// SPDX-License-Identifier: BSD-2-Clause
#include <mm/vma.hpp>

namespace still {

VmaMap::iterator VmaMap::first_behind(UserAddr a)
{
    auto it = tree_.upper_bound(a);
    if (it != tree_.begin()) {
        auto before = it;
        --before;
        if (before->range.end > a)
            return before;
    }
    return it;
}

Vma* VmaMap::find(UserAddr a)
{
    auto it = first_behind(a);
    return it != tree_.end() && it->range.contains(a) ? &*it : nullptr;
}

bool VmaMap::overlaps(UserRange range)
{
    auto it = first_behind(range.start);
    return it != tree_.end() && it->range.start < range.end;
}

bool VmaMap::only_leaving(UserRange range)
{
    for (auto it = first_behind(range.start); it != tree_.end() && it->range.start < range.end; ++it)
        if (it->kind != VmaKind::leaving)
            return false;
    return true;
}

Status VmaMap::insert(const Vma& proto)
{
    if (count_ >= max_areas)
        return fail(Errno::nomem);
    Vma* vma = source_.allocate(source_.context);
    if (vma == nullptr)
        return fail(Errno::nomem);
    vma->range = proto.range;
    vma->take_properties(proto);
    if (vma->file != nullptr)
        ++vma->file->refs;
    had_in_linux_ |= vma->in_linux;
    tree_.insert(*vma);
    ++count_;
    bytes_ += vma->range.size();
    merge_around(proto.range);
    return {};
}

Status VmaMap::split(UserAddr at)
{
    Vma* vma = find(at);
    if (vma == nullptr || vma->range.start == at || vma->kind == VmaKind::leaving)
        return {};
    if (count_ >= max_areas)
        return fail(Errno::nomem);
    Vma* upper = source_.allocate(source_.context);
    if (upper == nullptr)
        return fail(Errno::nomem);
    upper->range = {at, vma->range.end};
    upper->take_properties(*vma);
    upper->file_offset = vma->offset_of(at);
    if (upper->file != nullptr)
        ++upper->file->refs;
    vma->range.end = at;
    tree_.insert(*upper);
    ++count_;
    return {};
}

Status VmaMap::split_around(UserRange range)
{
    TRY_STATUS(split(range.start));
    if (auto done = split(range.end); !done) {
        merge_around({range.start, range.start});
        return done;
    }
    return {};
}

// Not bound by max_areas: who has too many gets rid of some by this.
Status VmaMap::fill_holes(UserRange range)
{
    UserAddr from = range.start;
    for (auto it = first_behind(range.start); from < range.end; ++it) {
        const bool is_last = it == tree_.end() || it->range.start >= range.end;
        const UserAddr to = is_last ? range.end : it->range.start;
        if (from < to) {
            Vma* vma = source_.allocate(source_.context);
            if (vma == nullptr) {
                drop_holes({range.start, from});
                return fail(Errno::nomem);
            }
            vma->range = {from, to};
            vma->kind = VmaKind::leaving;
            vma->hole = true;
            tree_.insert(*vma);
            ++count_;
        }
        if (is_last)
            break;
        from = it->range.end;
    }
    return {};
}

void VmaMap::drop_holes(UserRange range)
{
    for (auto it = first_behind(range.start); it != tree_.end() && it->range.start < range.end;) {
        auto next = it;
        ++next;
        if (it->hole)
            (void)erase(it);
        it = next;
    }
}

MappedFile* VmaMap::erase(iterator it)
{
    const UserAddr start = it->range.start;
    const UserAddr end = it->range.end;
    MappedFile* last = remove(it);
    auto above = tree_.lower_bound(start);
    auto below = above;
    const UserAddr gap_start = below == tree_.begin() ? UserAddr(0) : (--below)->range.end;
    const u64 gap = above == tree_.end() ? ~0ull : above->range.start - gap_start;
    if (end > searched_down_to_)
        largest_gap_above_ = max(largest_gap_above_, gap);
    return last;
}

MappedFile* VmaMap::remove(iterator it)
{
    Vma* vma = &*it;
    MappedFile* last = nullptr;
    if (vma->file != nullptr && --vma->file->refs == 0)
        last = vma->file;
    bytes_ -= vma->hole ? 0 : vma->range.size();
    --count_;
    tree_.erase(it);
    source_.release(source_.context, vma);
    return last;
}

bool VmaMap::continues(const Vma& a, const Vma& b)
{
    // What leaves belongs to whoever unmaps it.
    if (a.kind == VmaKind::leaving || a.range.end != b.range.start || a.kind != b.kind || a.prot != b.prot ||
        a.lazy != b.lazy || a.stack != b.stack || a.file != b.file || a.in_linux != b.in_linux ||
        a.segment != 0 || b.segment != 0 || a.traits != b.traits)
        return false;
    return a.file == nullptr || a.offset_of(a.range.end) == b.file_offset;
}

void VmaMap::merge_around(UserRange range)
{
    auto it = first_behind(range.start);
    if (it != tree_.begin())
        --it;
    while (it != tree_.end() && it->range.start <= range.end) {
        auto next = it;
        ++next;
        if (next == tree_.end())
            break;
        if (continues(*it, *next)) {
            const UserAddr end = next->range.end;
            const u64 size = next->range.size();
            // Cannot be the file's last reference: *it holds one.
            (void)remove(next);
            bytes_ += size;
            it->range.end = end;
        } else {
            it = next;
        }
    }
}

Result<UserAddr> VmaMap::find_gap(u64 size, u64 align, UserRange bounds)
{
    if (size == 0 || size > bounds.size())
        return fail(Errno::nomem);
    UserAddr top = bounds.end;
    // Where the last search has come by, there is no gap as large: programs map much and seldom unmap.
    const bool resumes = bounds.end == searched_from_ && size > largest_gap_above_;
    if (resumes)
        top = min(top, searched_down_to_);
    u64 largest = resumes ? largest_gap_above_ : 0;
    auto it = tree_.lower_bound(top);
    for (;;) {
        UserAddr floor = bounds.start;
        UserAddr next_top = bounds.start;
        const bool has_area = it != tree_.begin();
        if (has_area) {
            --it;
            floor = max(floor, it->range.end);
            next_top = it->range.start;
            // A stack grows into the gap below it, and keeps away from what is there.
            if (it->traits.grows_down)
                next_top = UserAddr(next_top.raw() - min(next_top.raw(), stack_gap));
        }
        if (top.raw() >= size) {
            const UserAddr place = UserAddr(top.raw() - size).align_down(align);
            if (place >= floor) {
                searched_from_ = bounds.end;
                searched_down_to_ = place + size;
                largest_gap_above_ = max(largest, top - searched_down_to_);
                return place;
            }
        }
        if (top > floor)
            largest = max(largest, top - floor);
        if (!has_area || next_top <= bounds.start)
            return fail(Errno::nomem);
        top = min(top, next_top);
    }
}

void VmaMap::clear()
{
    while (!tree_.empty())
        (void)erase(tree_.begin());
}

} // namespace still
