// SPDX-License-Identifier: BSD-2-Clause
// Waiting for several files at once.
#pragma once

#include <services/open_file.hpp>

namespace still::services {

// What a file is ready for now, of these events; with what can't be masked.
[[nodiscard]] u32 poll_file(OpenFile& file, u32 events);
// ns of the monotonic clock at which it may become ready by itself.
[[nodiscard]] u64 due_of(OpenFile& file);

// Waits until look(due) says that something is ready, or until the deadline: true, false; or intr. look lowers due to
// when it is to be asked again at the latest.
template <class Look> Result<bool> wait_for_files(Look&& look, u64 deadline)
{
    for (;;) {
        u64 due = deadline;
        if (look(due))
            return true;
        if (deadline == 0)
            return false;
        bool is_ready = false;
        const Status waited = wait_until(
            pollers,
            [&] {
                u64 unused = deadline;
                is_ready = look(unused);
                return is_ready;
            },
            due);
        if (is_ready)
            return true;
        if (!waited && waited.error() != Errno::timedout)
            return fail(waited.error());
        if (deadline != no_deadline && monotonic_ns() >= deadline)
            return false;
    }
}

// Of a relative timeout in ns; ~0: none.
[[nodiscard]] inline u64 deadline_after(u64 ns)
{
    return ns == no_deadline ? no_deadline : ns == 0 ? 0 : monotonic_ns() + min(ns, no_deadline / 4);
}

// The description goes: no epoll looks at it any more.
void forget_watched(OpenFile& file);

extern const FileOps epoll_ops;

} // namespace still::services
