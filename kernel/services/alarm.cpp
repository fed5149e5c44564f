// SPDX-License-Identifier: BSD-2-Clause
#include <services/alarm.hpp>

namespace still::services {

namespace {

constexpr u32 sig_alrm = 14;

AlarmSetting alarm_locked(const Client& client, u64 now) REQUIRES(clients_lock)
{
    if (client.alarm_due == 0)
        return {};
    return {client.alarm_due > now ? client.alarm_due - now : 1, client.alarm_interval};
}

} // namespace

AlarmSetting get_alarm(Client& client)
{
    LockGuard guard(clients_lock);
    return alarm_locked(client, monotonic_ns());
}

AlarmSetting set_alarm(Client& client, AlarmSetting setting)
{
    AlarmSetting old;
    {
        LockGuard guard(clients_lock);
        const u64 now = monotonic_ns();
        old = alarm_locked(client, now);
        client.alarm_due = setting.left != 0 ? now + setting.left : 0;
        client.alarm_interval = setting.interval;
    }
    wake_helper();
    return old;
}

u64 ring_alarms()
{
    LockGuard guard(clients_lock);
    const u64 now = monotonic_ns();
    u64 next = no_deadline;
    for (Client* c = all_clients; c != nullptr; c = c->next) {
        if (c->alarm_due == 0 || c->state != Client::State::alive)
            continue;
        if (c->alarm_due <= now) {
            if (c->lwk != nullptr)
                (void)send_signal(*c->lwk, 0, sent_signal(sig_alrm, si_kernel));
            const u64 interval = c->alarm_interval;
            c->alarm_due =
                interval != 0 ? c->alarm_due + ((now - c->alarm_due) / interval + 1) * interval : 0;
        }
        if (c->alarm_due != 0)
            next = min(next, c->alarm_due);
    }
    return next;
}

} // namespace still::services
