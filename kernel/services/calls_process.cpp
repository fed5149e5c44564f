// SPDX-License-Identifier: BSD-2-Clause
// Threads and processes: made, ended, waited for.
#include <arch/layout.hpp>
#include <exec/process_table.hpp>
#include <services/calls.hpp>
#include <services/program.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

// --- threads ---

Served serve_clone(Client&, const Args&)
{
    return take_id();
}

Served serve_thread_exit(Client& client, const Args&)
{
    forget_thread_names(client, current_task().tid);
    return 0; // with it the slot may be given to a new thread
}

// --- new processes ---

namespace {

constexpr u64 csignal = 0xff, clone_parent = 0x8000, clone_files = 0x400;
constexpr u64 namespaces = 0x7e020000;

// What a child has of its parent.
Result<ClientRef> copy_client(Client& parent, u64 flags)
{
    if ((flags & namespaces) != 0)
        return fail(Errno::inval); // as from a Linux without namespaces
    ClientRef child(make_client());
    if (!child)
        return fail(Errno::again);
    child->pid = take_id();
    child->exit_signal = static_cast<u32>(flags & csignal);
    {
        LockGuard guard(parent.lock);
        child->descriptors = parent.descriptors;
        child->descriptors->retain();
        __builtin_memcpy(child->limits, parent.limits, sizeof(child->limits));
        __builtin_memcpy(child->auxv, parent.auxv, sizeof(child->auxv));
        child->auxv_words = parent.auxv_words;
        child->stack_start = parent.stack_start;
        child->start_code = parent.start_code;
        child->end_code = parent.end_code;
        child->personality = parent.personality;
        child->no_new_privs = parent.no_new_privs;
        child->timer_slack = parent.timer_slack;
        child->dumpable = parent.dumpable;
        child->no_thp = parent.no_thp;
        child->nice = parent.nice;
        child->io_priority = parent.io_priority;
        child->sigchld_flags = parent.sigchld_flags;
        child->ignores_children = parent.ignores_children;
        child->ignored_tty = parent.ignored_tty;
        child->location.umask = parent.location.umask;
    }
    get_thread_name(parent, current_task().tid, child->name);
    if (!child->arguments.assign(parent.arguments.view()) ||
        !child->environment.assign(parent.environment.view()))
        return fail(Errno::nomem);
    {
        LockGuard guard(names_lock);
        child->location.directory = parent.location.directory;
        child->exe = parent.exe;
    }
    if ((flags & clone_files) == 0) {
        Descriptors* own = child->descriptors->copy();
        child->descriptors->release();
        child->descriptors = own;
        if (own == nullptr)
            return fail(Errno::nomem);
    }
    return child;
}

void adopt(Client& child, Client& parent, u64 flags)
{
    {
        LockGuard guard(clients_lock);
        child.group = parent.group;
        child.session = parent.session;
    }
    child.retain(); // while it is among the others
    enter_client(child, (flags & clone_parent) != 0 ? parent.parent : &parent);
}

void drop_copy(Client& child)
{
    if (child.descriptors != nullptr)
        std::exchange(child.descriptors, nullptr)->release();
}

} // namespace

namespace {

// Whoever learns the child's number may send it signals, also before it has asked who it is.
void know_process(Client& child)
{
    LockGuard guard(clients_lock);
    if (child.state != Client::State::alive || child.lwk != nullptr || child.image == nullptr)
        return; // it was quicker
    LockGuard table(process_table_lock);
    Process* p = lookup_process(child.image->handle);
    if (p == nullptr)
        return;
    child.lwk = p;
    p->served = &child;
}

} // namespace

Served serve_fork(Client& client, const Args& a)
{
    const auto made = copy_client(client, a[0]);
    if (!made)
        return fail(made.error());
    Client& child = **made;
    Image* image = make_image();
    Status done = image != nullptr ? Status{} : fail(Errno::nomem);
    if (done) {
        still_proc_page& page = image->page();
        const still_proc_page& old = client.image->page();
        const u32 walkers = page.walkers;
        page = old;
        page.walkers = walkers;
        page.flushed = 0;
        page.pid = child.pid;
        page.stopped = page.ended = 0;
        page.cpu_base_ns = 0;
        page.peers_group = page.peers_rank = page.peers_size = page.peers_right = 0; // those are its parent's
        done = copy_image_files(*client.image, *image);
    }
    if (done)
        done = copy_shared(*client.image, *image);
    if (!done) {
        drop_copy(child);
        if (image != nullptr)
            destroy_image(image);
        return fail(done.error());
    }
    child.image = image;
    adopt(child, client, a[0]);
    Result<u64> forked = fail(Errno::again);
    while (!forked && forked.error() == Errno::again) {
        forked = tell_lwk(STILL_MSG_PROC_FORK, image->handle, image->area->address().raw(), STILL_PROC_SLOTS,
                          client.image->handle, current_task().tid);
        if (!forked && forked.error() == Errno::again)
            wait_a_moment();
    }
    if (!forked) {
        drop_copy(child);
        child.image = nullptr;
        destroy_image(image);
        forget_client(child);
        return fail(forked.error());
    }
    know_process(child);
    return child.pid;
}

// The child's thread runs already, and asks who it is.
Served serve_vfork(Client& client, const Args& a)
{
    const auto made = copy_client(client, a[1]);
    if (!made)
        return fail(made.error());
    Client& child = **made;
    child.image = client.image;
    child.is_guest = true;
    child.guest_slot = static_cast<u32>(a[0]);
    adopt(child, client, a[1]);
    client.children.wake();
    releases.wake(); // who asks for its number waits there
    const u32 pid = child.pid;
    TRY_STATUS(wait_quietly(child.guest_end, [&] { return child.guest_done.load(); }));
    return pid;
}

namespace {

// The client of a task that has no number yet.
Client* find_unborn(const Task& task) REQUIRES(clients_lock)
{
    const Process& p = *task.owner;
    for (Client* c = all_clients; c != nullptr; c = c->next) {
        if (c->lwk != nullptr || c->image == nullptr || c->image->handle != p.handle)
            continue;
        if (p.host == nullptr ? !c->is_guest : c->is_guest && c->guest_slot == task.slot.index())
            return c;
    }
    return nullptr;
}

} // namespace

Result<u64> identify(Task& task)
{
    TRY_STATUS(wait_quietly(releases, [&] {
        LockGuard guard(clients_lock);
        if (task.owner->served != nullptr)
            return true;
        Client* found = find_unborn(task);
        if (found != nullptr) {
            found->lwk = task.owner;
            task.owner->served = found;
        }
        return found != nullptr;
    }));
    return current_client().pid;
}

// --- execve ---

Served serve_exec_state(Client& client, const Args& a)
{
    client.exec_ignored = a[0];
    client.exec_mask = a[1];
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i)
        client.exec_affinity[i] = a[2 + i];
    return 0;
}

namespace {

// Its own table of descriptors, if it shared one (vfork with CLONE_FILES).
Status unshare_descriptors(Client& client)
{
    Descriptors* own = client.descriptors->copy();
    if (own == nullptr)
        return fail(Errno::nomem);
    {
        LockGuard guard(client.lock);
        std::swap(client.descriptors, own);
    }
    own->release();
    return {};
}

// The old program gives way to the new one.
void replace_program(Client& client, const Prepared& next, Release& release)
{
    Task& task = current_task();
    Image* const old = client.image;
    const bool was_guest = client.is_guest;
    {
        LockGuard guard(clients_lock);
        SignalInfo pending;
        while (accept_signal(task, ~0ull, pending))
            (void)send_signal(*next.lwk, 0, pending);
        client.lwk = next.lwk;
        client.image = next.image;
        client.is_guest = false;
        client.has_executed = true;
        client.sigchld_flags = 0;
        next.lwk->served = &client;
    }
    release.image = was_guest ? nullptr : old;
    release.starts = ClientRef::share(&client);
    release.entry = next.entry;
    release.stack = next.stack;
    if (was_guest) {
        client.guest_done.store(true);
        client.guest_end.wake();
    } else {
        still_msg kill{};
        kill.kind = STILL_MSG_PROC_KILL;
        kill.proc = old->handle;
        (void)handle_immediate(kill);
    }
    release_later(&release);
}

Status read_request(Client& client, const Args& a, ExecRequest& request)
{
    constexpr u64 known = at_empty_path | at_symlink_nofollow;
    TRY_STATUS(request.path.read_user(a[0]));
    if ((a[4] & ~known) != 0)
        return fail(Errno::inval);
    const bool by_descriptor = request.path.is_empty() && (a[4] & at_empty_path) != 0;
    if (request.path.is_empty() && !by_descriptor)
        return fail(Errno::noent);
    request.follow = (a[4] & at_symlink_nofollow) == 0;
    request.start =
        request.path.view().starts_with('/') ? NodeRef::share(&root_node()) : TRY(start_of(client, a[3]));
    if (static_cast<i32>(a[3]) != static_cast<i32>(at_fdcwd) && !request.path.view().starts_with('/')) {
        char room[32];
        TextBuffer name(room);
        format_to(name, "/dev/fd/{}", static_cast<u32>(a[3]));
        Path whole;
        TRY_STATUS(whole.assign(name.view()));
        if (!request.execfn.assign(name.view()))
            return fail(Errno::nomem);
    }
    if (by_descriptor)
        request.node = request.start;
    TRY_STATUS(request.arguments.append_user(a[1]));
    if (request.arguments.count() == 0)
        TRY_STATUS(request.arguments.append(""));
    return request.environment.append_user(a[2]);
}

} // namespace

Served serve_exec(Client& client, const Args& a)
{
    auto* release = make<Release>();
    if (release == nullptr)
        return fail(Errno::nomem);
    Result<Prepared> next = fail(Errno::nomem);
    {
        ExecRequest request;
        const Status read = read_request(client, a, request);
        next = read ? prepare_program(client, request) : fail(read.error());
    }
    Status done = next ? unshare_descriptors(client) : fail(next.error());
    if (!done) {
        destroy(release);
        if (next)
            discard(*next);
        return fail(done.error());
    }
    client.descriptors->close_range(0, max_descriptors - 1, true, false);
    forget_thread_names(client, 0);
    replace_program(client, *next, *release);
    return fail(unanswered);
}

// --- the end ---

Served serve_exit_group(Client& client, const Args& a)
{
    end_client(client, (static_cast<u32>(a[0]) & 0xff) << 8);
    return fail(unanswered);
}

Served serve_exit_signal(Client& client, const Args& a)
{
    if (!client.is_guest && client.image != nullptr) { // no core is written: nobody waits for that
        still_msg kill{};
        kill.kind = STILL_MSG_PROC_KILL;
        kill.proc = client.image->handle;
        (void)handle_immediate(kill);
    }
    end_client(client, static_cast<u32>(a[0]) & 0x7f);
    return fail(unanswered);
}

} // namespace still::services
