// SPDX-License-Identifier: BSD-2-Clause
// Memory whose home is Linux: the proxy has the real mapping, at the program's address; the LWK mirrors it. What
// changes such areas is done by the proxy; its effect comes back as invalidations of the LWK's entries.
#pragma once

#include <exec/user_memory.hpp>

namespace still {

// A fault at a: the module is asked to fill the entries of the window.
FaultError mirror_page(Process& p, UserRange window, UserAddr a, Access access);
// Of a range that leaves: where Linux has mappings of its own, the pseudo file takes over.
Status take_back(Process& p, const Departure& left);

// A system call, made by the task's proxy, that acts on memory. Negative results become errors; one that a signal
// kept from being made comes back as restart.
Result<u64> ask_linux(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0);

// Maps by a system call of the proxy's: call's argument number place_arg becomes the address. The request says
// where, how much, with which rights; replace: a mapping may be in the way at a fixed place.
Result<UserAddr> map_in_linux(Task& task, MapRequest request, bool replace, OffloadCall call, u32 place_arg);

// mmap of a file or of shared anonymous memory; flags without MAP_FIXED and the like.
struct FileMapping {
    u64 prot;
    u64 flags;
    u64 fd;
    u64 offset;
};
Result<UserAddr> map_file_in_linux(Task& task, const MapRequest& request, bool replace,
                                   const FileMapping& map);

[[nodiscard]] bool is_in_linux(Process& p, u64 address);
// Calls act(piece) for each piece of the range that lies in one such area; stops at the first error.
template <class Act> Status for_each_in_linux(Process& p, UserRange range, Act&& act)
{
    AddressSpace::AreaInfo area;
    for (UserAddr a = range.start; a < range.end && settled_area(p, a, range.end, area); a = area.range.end) {
        const UserRange piece{max(a, area.range.start), min(range.end, area.range.end)};
        if (area.kind == VmaKind::mirrored && !piece.empty())
            TRY_STATUS(act(piece));
    }
    return {};
}
// The same system call for each such piece: nr(start, bytes, a2), which may be made more than once.
Status each_in_linux(Task& task, UserRange range, u32 nr, u64 a2);

// mremap of a piece of such an area; target: 0, or where it is to go. old_size 0: a second mapping.
Result<UserAddr> remap_in_linux(Task& task, UserRange old, u64 new_size, bool may_move, UserAddr target);

} // namespace still
