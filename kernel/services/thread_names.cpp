// SPDX-License-Identifier: BSD-2-Clause
#include <services/client.hpp>

namespace still::services {

namespace {

ThreadName* find_name(Client& client, u32 tid) REQUIRES(client.lock)
{
    ThreadName* t = client.thread_names;
    while (t != nullptr && t->tid != tid)
        t = t->next;
    return t;
}

} // namespace

void get_thread_name(Client& client, u32 tid, char (&name)[16])
{
    LockGuard guard(client.lock);
    const ThreadName* own = find_name(client, tid);
    __builtin_memcpy(name, own != nullptr ? own->name : client.name, sizeof(name));
}

bool set_thread_name(Client& client, u32 tid, const char (&name)[16])
{
    ThreadName* fresh = tid != client.pid ? make<ThreadName>() : nullptr;
    {
        LockGuard guard(client.lock);
        ThreadName* own = find_name(client, tid);
        if (tid != client.pid && own == nullptr) {
            if (fresh == nullptr)
                return false;
            own = std::exchange(fresh, nullptr);
            own->tid = tid;
            own->next = client.thread_names;
            client.thread_names = own;
        }
        __builtin_memcpy(own != nullptr ? own->name : client.name, name, sizeof(name));
    }
    if (fresh != nullptr)
        destroy(fresh);
    return true;
}

void forget_thread_names(Client& client, u32 tid)
{
    ThreadName* gone = nullptr;
    {
        LockGuard guard(client.lock);
        for (ThreadName** at = &client.thread_names; *at != nullptr;) {
            ThreadName* t = *at;
            if (tid != 0 && t->tid != tid) {
                at = &t->next;
                continue;
            }
            *at = t->next;
            t->next = gone;
            gone = t;
        }
    }
    while (gone != nullptr) {
        ThreadName* t = gone;
        gone = t->next;
        destroy(t);
    }
}

} // namespace still::services
