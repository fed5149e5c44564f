// SPDX-License-Identifier: BSD-2-Clause
// ITIMER_REAL and alarm(2).
#pragma once

#include <services/client.hpp>

namespace still::services {

struct AlarmSetting {
    u64 left = 0; // ns, 0: not armed
    u64 interval = 0;
};
AlarmSetting get_alarm(Client& client);
AlarmSetting set_alarm(Client& client, AlarmSetting setting); // the old one
// Sends what is due. ns of the monotonic clock at which the next is.
u64 ring_alarms();
void wake_helper();

} // namespace still::services
