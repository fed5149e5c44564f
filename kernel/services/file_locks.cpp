// SPDX-License-Identifier: BSD-2-Clause
#include <services/file_locks.hpp>

namespace still::services {

namespace {

constexpr u32 type_read = 0, type_write = 1, type_none = 2;

// Of a whole file for flock(2), which knows nothing of the others.
struct Lock {
    u64 ino;
    const void* owner; // a client, or a description
    bool is_flock;
    u32 type;
    u64 start, end; // exclusive
    u32 pid;
    Lock* next = nullptr;
};

SpinLock lock;
Lock* locks GUARDED_BY(lock) = nullptr;
WaitQueue changed;

struct LinuxFlock { // struct flock
    u16 type, whence;
    i64 start, length;
    u32 pid;
};

bool conflicts(const Lock& a, const Lock& b)
{
    return a.ino == b.ino && a.is_flock == b.is_flock && a.owner != b.owner && a.start < b.end &&
           b.start < a.end && (a.type == type_write || b.type == type_write);
}

const Lock* find_conflict(const Lock& wanted) REQUIRES(lock)
{
    for (const Lock* l = locks; l != nullptr; l = l->next)
        if (conflicts(*l, wanted))
            return l;
    return nullptr;
}

template <class Which> void remove_locks(Which&& which)
{
    Lock* gone = nullptr;
    {
        LockGuard guard(lock);
        for (Lock** at = &locks; *at != nullptr;) {
            Lock* l = *at;
            if (!which(*l)) {
                at = &l->next;
                continue;
            }
            *at = l->next;
            l->next = gone;
            gone = l;
        }
    }
    if (gone == nullptr)
        return;
    while (gone != nullptr) {
        Lock* l = gone;
        gone = l->next;
        destroy(l);
    }
    changed.wake();
}

// What the owner has of that range goes; pieces at either side stay.
void carve(const Lock& wanted, Lock*& spare) REQUIRES(lock)
{
    for (Lock** at = &locks; *at != nullptr;) {
        Lock* l = *at;
        if (l->ino != wanted.ino || l->owner != wanted.owner || l->is_flock != wanted.is_flock ||
            l->start >= wanted.end || wanted.start >= l->end) {
            at = &l->next;
            continue;
        }
        if (l->start < wanted.start && l->end > wanted.end) { // a hole in it
            Lock* upper = std::exchange(spare, nullptr);
            *upper = *l;
            upper->start = wanted.end;
            upper->next = l->next;
            l->next = upper;
            l->end = wanted.start;
            return;
        }
        if (l->start < wanted.start) {
            l->end = wanted.start;
        } else if (l->end > wanted.end) {
            l->start = wanted.end;
        } else {
            *at = l->next;
            destroy(l);
            continue;
        }
        at = &l->next;
    }
}

Status set_lock(const Lock& wanted, bool waits)
{
    for (;;) {
        Lock* own = make<Lock>(wanted);
        Lock* spare = make<Lock>(wanted);
        if (own == nullptr || spare == nullptr) {
            for (Lock* l : {own, spare})
                if (l != nullptr)
                    destroy(l);
            return fail(Errno::nomem);
        }
        bool is_set = false;
        {
            LockGuard guard(lock);
            if (wanted.type == type_none || find_conflict(wanted) == nullptr) {
                carve(wanted, spare);
                if (wanted.type != type_none) {
                    own->next = locks;
                    locks = std::exchange(own, nullptr);
                }
                is_set = true;
            }
        }
        for (Lock* l : {own, spare})
            if (l != nullptr)
                destroy(l);
        if (is_set) {
            changed.wake();
            return {};
        }
        if (!waits)
            return fail(Errno::again);
        TRY_STATUS(wait_until(changed, [&] {
            LockGuard guard(lock);
            return find_conflict(wanted) == nullptr;
        }));
    }
}

} // namespace

Result<u64> flock_file(OpenFile& file, u64 operation)
{
    constexpr u64 shared = 1, exclusive = 2, nonblocking = 4, unlock = 8;
    const u64 what = operation & ~nonblocking;
    if (what != shared && what != exclusive && what != unlock)
        return fail(Errno::inval);
    if ((file.flags.load() & o_path) != 0)
        return fail(Errno::badf);
    const u32 type = what == unlock ? type_none : what == shared ? type_read : type_write;
    file.lock_kind = 1;
    TRY_STATUS(set_lock({file.node->ino, &file, true, type, 0, ~0ull, 0}, (operation & nonblocking) == 0));
    return 0;
}

Result<u64> record_lock(Client& client, OpenFile& file, u64 kind, bool of_file, u64 address)
{
    constexpr u64 get = 0, set_and_wait = 2;
    constexpr i64 to_the_end = static_cast<i64>(~0ull >> 1);
    LinuxFlock asked = TRY(UserIn<LinuxFlock>(address).read());
    if (asked.type > type_none || (kind == get && asked.type == type_none) || (of_file && asked.pid != 0))
        return fail(Errno::inval);
    if (kind != get &&
        ((asked.type == type_read && !file.may_read()) || (asked.type == type_write && !file.may_write())))
        return fail(Errno::badf);
    i64 start = asked.start;
    if (asked.whence == 1)
        start += static_cast<i64>(file.offset.load());
    else if (asked.whence == 2)
        start += static_cast<i64>(file.node->size());
    else if (asked.whence != 0)
        return fail(Errno::inval);
    i64 end = asked.length == 0 ? to_the_end : start + asked.length;
    if (asked.length < 0)
        std::swap(start, end);
    if (start < 0 || end < start)
        return fail(Errno::inval);
    const void* owner = of_file ? static_cast<const void*>(&file) : &client;
    const Lock wanted{file.node->ino,
                      owner,
                      false,
                      asked.type,
                      static_cast<u64>(start),
                      static_cast<u64>(end),
                      of_file ? ~0u : client.pid};
    if (of_file)
        file.lock_kind = 1;
    if (kind != get) {
        TRY_STATUS(set_lock(wanted, kind == set_and_wait));
        return 0;
    }
    asked.type = type_none;
    {
        LockGuard guard(lock);
        if (const Lock* other = find_conflict(wanted); other != nullptr)
            asked = {static_cast<u16>(other->type), 0, static_cast<i64>(other->start),
                     other->end == static_cast<u64>(to_the_end) ? 0
                                                                : static_cast<i64>(other->end - other->start),
                     other->pid};
    }
    TRY_STATUS(UserOut<LinuxFlock>(address).write(asked));
    return 0;
}

void release_record_locks(Client& client, OpenFile& file)
{
    remove_locks([&](const Lock& l) { return l.owner == &client && l.ino == file.node->ino; });
}

void release_file_locks(OpenFile& file)
{
    if (file.lock_kind != 0)
        remove_locks([&](const Lock& l) { return l.owner == &file; });
}

void release_all_locks(Client& client)
{
    remove_locks([&](const Lock& l) { return l.owner == &client; });
}

} // namespace still::services
