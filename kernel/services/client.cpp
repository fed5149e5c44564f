// SPDX-License-Identifier: BSD-2-Clause
#include <debug/log.hpp>
#include <services/file_locks.hpp>

namespace still::services {

SpinLock clients_lock;
Client* all_clients = nullptr;
Client* initial_client = nullptr;

namespace {

constexpr u32 last_id = 4'194'303; // as Linux has it
u32 previous_id GUARDED_BY(clients_lock) = 0;

void unlink_client(Client& client) REQUIRES(clients_lock)
{
    for (Client** at = &all_clients; *at != nullptr; at = &(*at)->next) {
        if (*at == &client) {
            *at = client.next;
            return;
        }
    }
}

} // namespace

void Client::release()
{
    if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
        destroy(this);
}

Client* find_client(u32 pid)
{
    for (Client* c = all_clients; c != nullptr; c = c->next)
        if (c->pid == pid)
            return c;
    return nullptr;
}

ClientRef hold_client(u32 pid)
{
    LockGuard guard(clients_lock);
    return ClientRef::share(find_client(pid));
}

u32 take_id()
{
    LockGuard guard(clients_lock);
    const auto is_taken = [](u32 id) NO_THREAD_SAFETY {
        for (Client* c = all_clients; c != nullptr; c = c->next)
            if (c->pid == id || c->group == id || c->session == id)
                return true;
        return false;
    };
    for (;;) {
        previous_id = previous_id % last_id + 1;
        if (!is_taken(previous_id))
            break;
    }
    return previous_id;
}

Client* make_client()
{
    auto* client = make<Client>();
    if (client == nullptr)
        return nullptr;
    for (still_limit& limit : client->limits)
        limit = {~0ull, ~0ull};
    client->started_ns = monotonic_ns();
    return client;
}

void enter_client(Client& client, Client* parent)
{
    LockGuard guard(clients_lock);
    client.parent = parent;
    client.next = all_clients;
    all_clients = &client;
}

void forget_client(Client& client)
{
    {
        LockGuard guard(clients_lock);
        unlink_client(client);
    }
    client.release();
}

// --- signals ---

Status signal_client(Client& client, const SignalInfo& info)
{
    if (info.signo == sig_cont || info.signo == sig_kill)
        continue_client(client);
    if (info.signo == sig_stop) {
        stop_client(client, sig_stop);
        return {};
    }
    Status sent;
    if (!with_process(client, [&](Process& p) { sent = send_signal(p, 0, info); }))
        return {}; // a zombie: it is there, and nothing happens to it
    return sent;
}

void signal_group(u32 group, const SignalInfo& info)
{
    // One by one: who is told may need the lock.
    u32 after = 0;
    for (;;) {
        ClientRef next;
        {
            LockGuard guard(clients_lock);
            for (Client* c = all_clients; c != nullptr; c = c->next)
                if (c->group == group && c->pid > after && (!next || c->pid < next->pid))
                    next = ClientRef::share(c);
        }
        if (!next)
            return;
        after = next->pid;
        (void)signal_client(*next, info);
    }
}

namespace {

constexpr i32 cld_exited = 1, cld_killed = 2, cld_dumped = 3, cld_stopped = 5, cld_continued = 6;

SignalInfo about_child(const Client& child, i32 code, u32 value)
{
    SignalInfo info = sent_signal(sig_chld, code, child.pid, 0);
    info.value = value;
    return info;
}

// The threads look at the page when they are on their way back to the program.
void set_stopped(Client& client, bool stopped) REQUIRES(clients_lock)
{
    client.stopped = stopped;
    if (client.lwk == nullptr || client.image == nullptr)
        return;
    if (client.is_guest) { // its host's page is not its own
        client.lwk->stopped.store(stopped);
        LockGuard guard(client.lwk->lock);
        for (Task* t = client.lwk->tasks; t != nullptr; t = t->next_task) {
            unpark(*t);
            kick(*t);
        }
        return;
    }
    __atomic_store_n(&client.image->page().stopped, stopped ? 1u : 0u, __ATOMIC_RELEASE);
    still_msg m{};
    m.kind = STILL_MSG_PROC_STOP;
    m.proc = client.image->handle;
    (void)handle_immediate(m);
}

void tell_parent_locked(Client& client, const SignalInfo& info, bool about_stop) REQUIRES(clients_lock)
{
    Client* parent = client.parent;
    if (parent == nullptr)
        return;
    if (parent->lwk != nullptr && parent->state == Client::State::alive &&
        !(about_stop && (parent->sigchld_flags & sa_nocldstop) != 0))
        (void)send_signal(*parent->lwk, 0, info);
    parent->children.wake();
}

} // namespace

void stop_client(Client& client, u32 signo)
{
    LockGuard guard(clients_lock);
    if (client.state != Client::State::alive || client.stopped || &client == initial_client)
        return;
    client.stop_signal = signo;
    client.tell_stop = true;
    client.tell_go_on = false;
    set_stopped(client, true);
    tell_parent_locked(client, about_child(client, cld_stopped, signo), true);
}

void continue_client(Client& client)
{
    LockGuard guard(clients_lock);
    if (!client.stopped)
        return;
    client.tell_stop = false;
    client.tell_go_on = true;
    set_stopped(client, false);
    tell_parent_locked(client, about_child(client, cld_continued, sig_cont), true);
}

// Has no member a parent in another group of its session? (setpgid(2)) The initial task counts, other than on Linux: it
// may be the shell that people work with.
bool is_orphaned_group(u32 group)
{
    LockGuard guard(clients_lock);
    for (Client* c = all_clients; c != nullptr; c = c->next)
        if (c->group == group && c->state == Client::State::alive && c->parent != nullptr &&
            c->parent->group != group && c->parent->session == c->session)
            return false;
    return true;
}

// --- the end ---

namespace {

// The nearest ancestor that asked for them (PR_SET_CHILD_SUBREAPER), or the initial task.
Client* adopter_of(const Client& client) REQUIRES(clients_lock)
{
    for (Client* c = client.parent; c != nullptr; c = c->parent)
        if (c->subreaper != 0 && c->state == Client::State::alive)
            return c;
    return initial_client != &client ? initial_client : nullptr;
}

void give_children_away(Client& client) REQUIRES(clients_lock)
{
    Client* const adopter = adopter_of(client);
    for (Client* c = all_clients; c != nullptr; c = c->next) {
        if (c->parent != &client)
            continue;
        if (c->death_signal != 0 && c->lwk != nullptr && c->state == Client::State::alive)
            (void)send_signal(*c->lwk, 0,
                              sent_signal(static_cast<u32>(c->death_signal), si_user, client.pid, 0));
        c->parent = adopter;
        if (c->parent != nullptr)
            c->parent->children.wake();
    }
}

} // namespace

void end_client(Client& client, u32 status)
{
    Descriptors* files = nullptr;
    NodeRef directory, exe;
    {
        LockGuard guard(clients_lock);
        if (client.state != Client::State::alive)
            return;
        client.state = Client::State::ending;
        client.status = status;
        if (client.lwk != nullptr) {
            client.used_ns = process_cpu_ns(*client.lwk);
            client.peak_rss = client.lwk->space.peak_resident_bytes();
            client.faults = client.lwk->page_faults.load();
        }
    }
    {
        LockGuard guard(client.lock);
        files = std::exchange(client.descriptors, nullptr);
        std::swap(directory, client.location.directory);
        std::swap(exe, client.exe);
    }
    if (files != nullptr)
        files->release();
    release_all_locks(client);
    forget_thread_names(client, 0);
    auto* release = make<Release>();
    while (release == nullptr) { // nobody else would free what it has
        wait_a_moment();
        release = make<Release>();
    }
    release->ends = ClientRef::share(&client);
    {
        LockGuard guard(clients_lock);
        if (!client.is_guest)
            release->image = client.image;
        client.image = nullptr;
        client.lwk = client.is_guest ? nullptr : client.lwk;
    }
    client.guest_done.store(true);
    client.guest_end.wake();
    release_later(release);
}

// Its memory has gone.
void become_zombie(Client& client)
{
    bool unwanted = false;
    {
        LockGuard guard(clients_lock);
        client.state = Client::State::zombie;
        client.lwk = nullptr;
        give_children_away(client);
        Client* parent = client.parent;
        const u32 signo = client.status & 0x7f;
        const i32 code = signo == 0 ? cld_exited : (client.status & 0x80) != 0 ? cld_dumped : cld_killed;
        const bool is_chld = client.exit_signal == sig_chld;
        unwanted = parent == nullptr ||
                   (is_chld && (parent->ignores_children || (parent->sigchld_flags & sa_nocldwait) != 0));
        if (&client == initial_client)
            unwanted = false;
        // A number that is no signal only says how the child is to be waited for.
        if (client.exit_signal != 0 && client.exit_signal <= num_signals && parent != nullptr) {
            SignalInfo info = about_child(client, code, signo == 0 ? client.status >> 8 : signo);
            info.signo = client.exit_signal;
            if (!(is_chld && parent->ignores_children))
                tell_parent_locked(client, info, false);
        }
        if (parent != nullptr)
            parent->children.wake();
    }
    if (unwanted)
        forget_client(client);
    releases.wake();
}

} // namespace still::services
