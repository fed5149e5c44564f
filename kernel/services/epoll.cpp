// SPDX-License-Identifier: BSD-2-Clause
// epoll(7).
#include <services/calls.hpp>
#include <services/polling.hpp>

namespace still::services {

namespace {

constexpr u32 edge_triggered = 1u << 31, one_shot = 1u << 30, wake_up = 1u << 29, exclusive = 1u << 28;
constexpr u32 no_events = edge_triggered | one_shot | wake_up | exclusive;
constexpr u32 max_depth = 5;

struct Event { // struct epoll_event
    u32 events;
    u64 data;
} __attribute__((packed));

struct Epoll;

// One file that an epoll watches. The file is not kept open by that: it takes its items with it.
struct Item {
    Epoll* epoll;
    OpenFile* file;
    u32 fd;
    Event event;
    u32 told = 0;                 // edge triggered: what was reported last
    u64 activity = ~0ull;         // and at which activity of the file
    Item* next = nullptr;         // of the epoll
    Item* next_of_file = nullptr; // of the file
};

struct Epoll {
    Item* items = nullptr;
};

SpinLock lock; // all items; before the locks that a file's poll takes

Epoll& epoll_of(OpenFile& file)
{
    return *static_cast<Epoll*>(file.state);
}

void unlink_item(Item& item) REQUIRES(lock)
{
    for (Item** at = &item.epoll->items; *at != nullptr; at = &(*at)->next) {
        if (*at == &item) {
            *at = item.next;
            break;
        }
    }
    auto* first = static_cast<Item*>(item.file->watchers);
    if (first == &item) {
        item.file->watchers = item.next_of_file;
        return;
    }
    for (Item* i = first; i != nullptr; i = i->next_of_file) {
        if (i->next_of_file == &item) {
            i->next_of_file = item.next_of_file;
            return;
        }
    }
}

u32 ready_events(Item& item, u32 depth) REQUIRES(lock);

bool any_ready(Epoll& epoll, u32 depth) REQUIRES(lock)
{
    for (Item* i = epoll.items; i != nullptr && depth < max_depth; i = i->next)
        if (ready_events(*i, depth + 1) != 0)
            return true;
    return false;
}

u32 ready_events(Item& item, u32 depth)
{
    if ((item.event.events & ~no_events) == 0) // a one-shot that was told
        return 0;
    if (item.file->ops == &epoll_ops)
        return any_ready(epoll_of(*item.file), depth) ? poll_in & item.event.events : 0;
    const u32 found = poll_file(*item.file, item.event.events & ~no_events);
    if ((item.event.events & edge_triggered) == 0)
        return found;
    const u64 activity = item.file->ops->activity != nullptr ? item.file->ops->activity(*item.file) : 0;
    const bool is_news = activity != item.activity || (found & ~item.told) != 0;
    if (found == 0)
        item.told = 0;
    return is_news ? found : 0;
}

u64 due_of_items(Epoll& epoll, u32 depth) REQUIRES(lock)
{
    u64 due = no_deadline;
    for (Item* i = epoll.items; i != nullptr && depth < max_depth; i = i->next)
        due = min(due, i->file->ops == &epoll_ops ? due_of_items(epoll_of(*i->file), depth + 1)
                                                  : due_of(*i->file));
    return due;
}

u32 poll_epoll(OpenFile& file)
{
    LockGuard guard(lock);
    return any_ready(epoll_of(file), 0) ? poll_in | poll_rdnorm : 0;
}

u64 due_of_epoll(OpenFile& file)
{
    LockGuard guard(lock);
    return due_of_items(epoll_of(file), 0);
}

void close_epoll(OpenFile& file)
{
    Epoll& epoll = epoll_of(file);
    for (;;) {
        Item* item;
        {
            LockGuard guard(lock);
            item = epoll.items;
            if (item == nullptr)
                break;
            unlink_item(*item);
        }
        destroy(item);
    }
    destroy(&epoll);
}

} // namespace

constinit const FileOps epoll_ops = {
    .poll = poll_epoll, .close = close_epoll, .label = "anon_inode:[eventpoll]", .due = due_of_epoll};

void forget_watched(OpenFile& file)
{
    for (;;) {
        Item* item;
        {
            LockGuard guard(lock);
            item = static_cast<Item*>(file.watchers);
            if (item == nullptr)
                return;
            unlink_item(*item);
        }
        destroy(item);
    }
}

namespace {

Served make_epoll(Client& client, bool close_on_exec)
{
    FileRef file = TRY(open_anonymous(epoll_ops, o_rdwr));
    auto* epoll = make<Epoll>();
    if (epoll == nullptr) {
        file->ops = nullptr;
        return fail(Errno::nomem);
    }
    file->state = epoll;
    return add_descriptor(client, file, close_on_exec);
}

Result<FileRef> epoll_file(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if (file->ops != &epoll_ops)
        return fail(Errno::inval);
    return file;
}

Item* find_item(Epoll& epoll, const OpenFile& file, u32 fd) REQUIRES(lock)
{
    for (Item* i = epoll.items; i != nullptr; i = i->next)
        if (i->file == &file && i->fd == fd)
            return i;
    return nullptr;
}

bool leads_to(Epoll& from, const Epoll& to, u32 depth) REQUIRES(lock)
{
    if (&from == &to || depth > max_depth)
        return true;
    for (Item* i = from.items; i != nullptr; i = i->next)
        if (i->file->ops == &epoll_ops && leads_to(epoll_of(*i->file), to, depth + 1))
            return true;
    return false;
}

// Copies what is ready to the program, up to most.
Served take_ready(Epoll& epoll, u64 address, u64 most)
{
    u64 told = 0;
    u32 seen = 0;
    while (told < most) {
        Event event{};
        {
            LockGuard guard(lock);
            u32 at = 0;
            for (Item* i = epoll.items; i != nullptr; i = i->next, ++at) {
                if (at < seen)
                    continue;
                seen = at + 1;
                const u32 found = ready_events(*i, 0);
                if (found == 0)
                    continue;
                event = {found, i->event.data};
                i->told = found;
                if (i->file->ops->activity != nullptr)
                    i->activity = i->file->ops->activity(*i->file);
                else
                    i->activity = 0;
                if ((i->event.events & one_shot) != 0)
                    i->event.events &= no_events;
                break;
            }
        }
        if (event.events == 0)
            break;
        if (!UserOut<Event>(address).write(event, told))
            return told != 0 ? Served(told) : fail(Errno::fault);
        ++told;
    }
    return told;
}

Served wait_for_events(Client& client, const Args& a, u64 deadline)
{
    constexpr u64 most = 0x7fffffff / sizeof(Event);
    if (static_cast<i32>(a[2]) <= 0 || a[2] > most)
        return fail(Errno::inval);
    const FileRef file = TRY(epoll_file(client, a[0]));
    Epoll& epoll = epoll_of(*file);
    Served told = 0;
    const auto waited = wait_for_files(
        [&](u64& due) {
            due = min(due, due_of_epoll(*file));
            return poll_epoll(*file) != 0;
        },
        deadline);
    if (!waited)
        return fail(waited.error());
    if (*waited)
        told = take_ready(epoll, a[1], a[2]);
    return told;
}

} // namespace

Served serve_epoll_create(Client& client, const Args& a)
{
    return static_cast<i32>(a[0]) <= 0 ? fail(Errno::inval) : make_epoll(client, false);
}

Served serve_epoll_create1(Client& client, const Args& a)
{
    if ((a[0] & ~static_cast<u64>(o_cloexec)) != 0)
        return fail(Errno::inval);
    return make_epoll(client, a[0] != 0);
}

Served serve_epoll_ctl(Client& client, const Args& a)
{
    constexpr u64 add = 1, remove = 2, modify = 3;
    Event event{};
    if (a[1] == add || a[1] == modify)
        event = TRY(UserIn<Event>(a[3]).read());
    const FileRef file = TRY(file_of(client, a[0]));
    const FileRef target = TRY(file_of(client, a[2]));
    if (file->ops != &epoll_ops || target.get() == file.get())
        return fail(Errno::inval);
    if (target->node->is(mode_file) || target->node->is_directory() || target->ops == nullptr)
        return fail(Errno::perm);
    const u32 fd = static_cast<u32>(a[2]);
    auto* fresh = a[1] == add ? make<Item>(Item{&epoll_of(*file), target.get(), fd, event}) : nullptr;
    if (a[1] == add && fresh == nullptr)
        return fail(Errno::nomem);
    Item* gone = nullptr;
    Served result = 0;
    {
        LockGuard guard(lock);
        Epoll& epoll = epoll_of(*file);
        Item* item = find_item(epoll, *target, fd);
        if (a[1] == add && item != nullptr) {
            result = fail(Errno::exist);
        } else if (a[1] == add && target->ops == &epoll_ops && leads_to(epoll_of(*target), epoll, 0)) {
            result = fail(Errno::loop);
        } else if (a[1] == add) {
            fresh->next = epoll.items;
            epoll.items = fresh;
            fresh->next_of_file = static_cast<Item*>(target->watchers);
            target->watchers = std::exchange(fresh, nullptr);
        } else if (item == nullptr) {
            result = fail(a[1] == remove || a[1] == modify ? Errno::noent : Errno::inval);
        } else if (a[1] == remove) {
            unlink_item(*item);
            gone = item;
        } else if (a[1] == modify) {
            item->event = event;
            item->told = 0;
            item->activity = ~0ull;
        } else {
            result = fail(Errno::inval);
        }
    }
    for (Item* item : {fresh, gone})
        if (item != nullptr)
            destroy(item);
    pollers.wake_own();
    return result;
}

Served serve_epoll_wait(Client& client, const Args& a)
{
    const auto ms = static_cast<i32>(a[3]);
    return wait_for_events(client, a,
                           deadline_after(ms < 0 ? no_deadline : static_cast<u64>(ms) * 1'000'000));
}

Served serve_epoll_pwait2(Client& client, const Args& a)
{
    u64 ns = no_deadline;
    if (a[3] != 0)
        ns = TRY(UserIn<u64>(a[3]).read(0)) * 1'000'000'000 + TRY(UserIn<u64>(a[3]).read(1));
    return wait_for_events(client, a, deadline_after(ns));
}

} // namespace still::services
