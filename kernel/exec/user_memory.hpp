// SPDX-License-Identifier: BSD-2-Clause
// Changing and filling a process's memory: the halves of AddressSpace's operations put together with TLB
// shootdown, Linux's zaps and file contents. All of it may wait.
#pragma once

#include <exec/process.hpp>
#include <stillcore/ikc.h>

namespace still {

// Faults as signal(7) tells them.
struct FaultError {
    u32 signo;
    i32 code;
};
// nullptr-like: signo 0 if the page is there now.
enum class Asker : u8 { program, linux };
FaultError resolve_fault(Process& p, UserAddr a, Access access, Asker asker = Asker::program);
// The program ends, since there is no memory for the page at a.
FaultError out_of_memory(const Process& p, UserAddr a);
[[nodiscard]] u64 num_oom_kills();
// What a process of the instance may have at most, in bytes: the boot option process-memory=SIZE.
void set_memory_per_process(u64 bytes);
[[nodiscard]] u64 memory_per_process();

// Linux takes its mappings of the range away. Number of pinned pages, as the mode counts them (STILL_MSG_ZAP).
u64 ask_zap(Process& p, UserRange range, still_zap_mode mode);

// Calls begin() until nothing is under way any more in the memory that it is about.
template <class Begin> auto begin_when_settled(Begin&& begin)
{
    auto begun = begin();
    while (!begun && begun.error() == Errno::again) {
        wait_a_moment();
        begun = begin();
    }
    return begun;
}

// The area at a, or the first behind it, as AddressSpace::area() gives it; if it begins below end, once nobody is
// unmapping it or mapping it anew: a caller finds what was there or what comes, and no hole in between.
inline bool settled_area(Process& p, UserAddr a, UserAddr end, AddressSpace::AreaInfo& area)
{
    while (p.space.area(a, area)) {
        if (area.kind != VmaKind::leaving || area.range.start >= end)
            return true;
        wait_a_moment();
    }
    return false;
}
// AddressSpace::change_traits(), likewise.
template <class Change> Status change_traits(Process& p, UserRange range, Change&& change)
{
    return begin_when_settled([&] { return p.space.change_traits(range, change); });
}

// For a debugger: private memory is written whatever the program may do there, breakpoints in its text above all; its
// page is the program's alone from then on. fault: there is none.
// Likewise it is read where the program may.
Status look_into_memory(Process& p, UserAddr from, void* to, u64 bytes);
Status patch_memory(Process& p, UserAddr to, const void* from, u64 bytes, Asker asker = Asker::program);

Status unmap(Process& p, UserRange range);
Status protect(Process& p, UserRange range, u8 prot, i32 key = AddressSpace::keep_key);
Status discard(Process& p, UserRange range);
// The file of that handle was cut off there: what is mapped of it behind that goes, written pages too.
Status cut_file(Process& p, u32 handle, u64 bytes);
// Fills what is empty in the range; stops at the ends of files, and at holes: fault.
Status populate(Process& p, UserRange range);
// Empties the range and leaves it reserved, as a leaving area.
Status make_room(Process& p, UserRange range);
// Likewise where there was nothing, or where there is room (request.fixed unset).
Result<UserRange> reserve_place(Process& p, MapRequest request, bool replace);
// mmap's core: replace: an existing mapping may be in the way at a fixed place.
Result<UserAddr> map_area(Process& p, MapRequest request, bool replace, bool eager);
// fork: the child's fresh address space becomes a copy of the parent's.
Status fork_memory(Process& parent, Process& child);
// mremap: the pages of a range go to a reserved one, which becomes the area that target describes. keep: areas stay.
Status move_range(Process& p, UserRange from, const MapRequest& target, bool keep);
// The page at a, with all that is in one block with it, goes to that node. busy: Linux holds it pinned; acces: another
// process has it, too; noent: there is none; nomem.
Status relocate(Process& p, UserAddr a, NodeId node);
// Frees everything of a process that has no task left.
void destroy_memory(Process& p);

// User memory of the current process. fault: not accessible.
Status copy_from_user(void* to, u64 from, u64 bytes);
Status copy_to_user(u64 to, const void* from, u64 bytes);
Status clear_user(u64 to, u64 bytes);

// Direction in the type: what a system call may do with a pointer that it was given.
template <class T> class UserIn {
  public:
    explicit UserIn(u64 address) : address_(address) {}
    [[nodiscard]] bool is_null() const { return address_ == 0; }
    Result<T> read(u64 index = 0) const
    {
        T value;
        TRY_STATUS(copy_from_user(&value, address_ + index * sizeof(T), sizeof(T)));
        return value;
    }

  private:
    u64 address_;
};

template <class T> class UserOut {
  public:
    explicit UserOut(u64 address) : address_(address) {}
    [[nodiscard]] bool is_null() const { return address_ == 0; }
    Status write(const T& value, u64 index = 0) const
    {
        return copy_to_user(address_ + index * sizeof(T), &value, sizeof(T));
    }

  private:
    u64 address_;
};

} // namespace still
