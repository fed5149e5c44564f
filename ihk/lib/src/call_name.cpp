// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/call_name.hpp"

#include <stillcore/slot.h>

#include <fmt/format.h>

namespace still::ihk {

std::string call_name(uint32_t nr)
{
    switch (nr) {
#define STILL_LOCAL(number, name)                                                                            \
    case number:                                                                                             \
        return #name;
#define STILL_OFFLOAD(number, name) STILL_LOCAL(number, name)
#define STILL_FORWARD(number, name) STILL_LOCAL(number, name)
#define STILL_UNSUPPORTED(number, name, reason) STILL_LOCAL(number, name)
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_OFFLOAD
#undef STILL_FORWARD
#undef STILL_UNSUPPORTED
    case STILL_CALL_CLONE:
        return "[new thread]";
    case STILL_CALL_THREAD_EXIT:
        return "[thread exit]";
    case STILL_CALL_EXIT_GROUP:
        return "[exit]";
    case STILL_CALL_EXIT_SIGNAL:
        return "[exit by signal]";
    case STILL_CALL_MAP_FILE:
        return "[mmap of a file]";
    case STILL_CALL_EXEC:
        return "[execve]";
    default:
        return fmt::format("[{:#x}]", nr);
    }
}

} // namespace still::ihk
