// SPDX-License-Identifier: BSD-2-Clause
// Which processes there are, by the module's name for them. A guest (vfork) is found through its host.
#pragma once

#include <exec/process.hpp>

namespace still {

extern SpinLock process_table_lock;

[[nodiscard]] Process* lookup_process(u32 handle) REQUIRES(process_table_lock);
// For the service threads, which may wait in the middle of their work: the process stays until it is let go.
[[nodiscard]] Process* hold_process(u32 handle) EXCLUDES(process_table_lock);
void let_process_go(Process& p);
[[nodiscard]] bool is_known_process(u32 handle) EXCLUDES(process_table_lock);
// again: the handle's place is still taken.
Status enter_process(Process& p) EXCLUDES(process_table_lock);
// From here on nobody finds it. srch: it was not there; again: somebody is still at work on it, or it has tasks.
[[nodiscard]] Result<Process*> remove_process(u32 handle) EXCLUDES(process_table_lock);

// Its tasks, and those of its guests, leave at the next opportunity, without a word to the proxy.
void kill_process(Process& p);
// Tasks of the process, and of its guests.
[[nodiscard]] u32 count_tasks(Process& p);
// The guest of p that has a task on that slot, until it is let go; nullptr: none. (A pid would not do: an unborn
// guest has none yet.)
[[nodiscard]] Process* hold_guest(Process& p, u64 slot);

} // namespace still
