// SPDX-License-Identifier: BSD-2-Clause
// Proxy threads whose thread has ended: they wait on its slot for the next that starts, which has its number then.
#pragma once

#include <exec/process.hpp>

namespace still {

struct Place {
    u32 slot;
    u32 tid; // of the proxy thread there
};

// Whether the proxy of a task that ends may stay: Linux knows nothing of that task which would have to be taken back.
[[nodiscard]] bool may_spare_proxy(const Task& task);
// The task has left its slot. There is a limit: false, the proxy has to end.
[[nodiscard]] bool add_spare_proxy(Process& p, u32 slot) REQUIRES(p.lock);
// One that is in every respect what Linux would make for a new thread of the parent's.
Result<Place> take_spare_proxy(Task& parent);
// It was not used after all.
void return_spare_proxy(Process& p, u32 slot);
// Whether Linux knows that number for a spare one only.
[[nodiscard]] bool is_spare_proxy(Process& p, u32 tid);
// They end. For when they would be seen, or have rights that the process gives up.
void end_spare_proxies(Process& p);

} // namespace still
