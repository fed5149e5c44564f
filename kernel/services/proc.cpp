// SPDX-License-Identifier: BSD-2-Clause
#include <services/calls.hpp>
#include <services/proc.hpp>

namespace still::services {

void drop_parent(Node& node)
{
    if (node.parent != nullptr)
        node.parent->release();
}

Result<Node*> make_shown(Node& dir, std::string_view name, u32 mode, const NodeOps& ops, u64 id, u64 extra)
{
    Node* node = make<Node>(mode, &ops);
    if (node == nullptr)
        return fail(Errno::nomem);
    node->id = id;
    node->extra = extra;
    (void)node->target.assign(name); // for its path; without memory it has none
    dir.retain();
    node->parent = &dir;
    node->links = (mode & mode_type) == mode_dir ? 2 : 1;
    return node;
}

namespace {

Result<Node*> look_up_in_proc(Node& dir, std::string_view name);
bool list_proc(Node& dir, u64 index, Listed& out);
Result<Node*> look_up_in_process(Node& dir, std::string_view name);
bool list_process(Node& dir, u64 index, Listed& out);
Result<Node*> look_up_fd(Node& dir, std::string_view name);
bool list_fds(Node& dir, u64 index, Listed& out);
Result<Node*> look_up_task(Node& dir, std::string_view name);
bool list_tasks(Node& dir, u64 index, Listed& out);

bool parse(std::string_view text, u64& value)
{
    value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9' || value > ~0u)
            return false;
        value = value * 10 + static_cast<u64>(c - '0');
    }
    return !text.empty() && (text[0] != '0' || text.size() == 1);
}

void set_number(Listed& out, u64 number, u32 mode)
{
    TextBuffer text(out.room);
    format_to(text, "{}", number);
    out.name = text.view();
    out.ino = 0x10000000 + number;
    out.mode = mode;
}

// --- links ---

void put_self(Node&, TextBuffer& out)
{
    format_to(out, "{}", current_client().pid);
}
void put_thread_self(Node&, TextBuffer& out)
{
    format_to(out, "{}/task/{}", current_client().pid, current_task().tid);
}
void put_self_mounts(Node&, TextBuffer& out)
{
    out.put("self/mounts");
}

Result<Node*> follow_exe(Node& node)
{
    const ClientRef client = hold_client(static_cast<u32>(node.id));
    if (!client || !client->exe)
        return fail(Errno::noent);
    return NodeRef(client->exe).take();
}
Result<Node*> follow_cwd(Node& node)
{
    const ClientRef client = hold_client(static_cast<u32>(node.id));
    if (!client || !client->location.directory)
        return fail(Errno::noent);
    return NodeRef(client->location.directory).take();
}
Result<Node*> follow_root(Node&)
{
    return NodeRef::share(&root_node()).take();
}

// What a followed link's text is: the path of what it leads to.
template <Result<Node*> (*follow)(Node&)> void put_followed(Node& node, TextBuffer& out)
{
    const auto to = follow(node);
    if (!to)
        return;
    const NodeRef held(*to);
    put_path(*held, out);
}

Result<FileRef> shown_file(const Node& node)
{
    const ClientRef client = hold_client(static_cast<u32>(node.id));
    if (!client)
        return fail(Errno::noent);
    Descriptors* all;
    {
        LockGuard guard(client->lock);
        all = client->descriptors;
        if (all != nullptr)
            all->retain();
    }
    if (all == nullptr)
        return fail(Errno::noent);
    const Ref<Descriptors> held(all);
    return held->get(node.extra);
}

Result<Node*> follow_fd(Node& node)
{
    const FileRef file = TRY(shown_file(node));
    return NodeRef(file->node).take();
}

void put_fd(Node& node, TextBuffer& out)
{
    const auto file = shown_file(node);
    if (!file)
        return;
    const OpenFile& f = **file;
    const bool has_path = f.node->parent != nullptr || f.node.get() == &root_node();
    const char* label = has_path || f.ops == nullptr ? nullptr : f.ops->label;
    if (label == nullptr)
        put_path(*f.node, out);
    else if (f.node->is(mode_fifo) || f.node->is(mode_socket))
        format_to(out, "{}:[{}]", label, f.node->ino);
    else
        out.put(label);
}

// --- the tables ---

bool put_zero(Node&, TextBuffer& out)
{
    out.put("0\n");
    return true;
}

// All are the first thread's.
bool put_children(Node& node, TextBuffer& out)
{
    LockGuard guard(clients_lock);
    for (const Client* c = all_clients; c != nullptr; c = c->next)
        if (node.extra == node.id && c->parent != nullptr && c->parent->pid == node.id)
            format_to(out, "{} ", c->pid);
    return true;
}

constexpr NodeOps text(bool (*generate)(Node&, TextBuffer&))
{
    return {.generate = generate, .drop = drop_parent};
}

constinit const NodeOps proc_ops = {.look_up = look_up_in_proc, .list = list_proc};
constinit const NodeOps process_ops = {
    .look_up = look_up_in_process, .list = list_process, .drop = drop_parent};
constinit const NodeOps fds_ops = {.look_up = look_up_fd, .list = list_fds, .drop = drop_parent};
constinit const NodeOps fd_ops = {.follow = follow_fd, .target = put_fd, .drop = drop_parent};
constinit const NodeOps tasks_ops = {.look_up = look_up_task, .list = list_tasks, .drop = drop_parent};
constinit const NodeOps exe_ops = {
    .follow = follow_exe, .target = put_followed<follow_exe>, .drop = drop_parent};
constinit const NodeOps cwd_ops = {
    .follow = follow_cwd, .target = put_followed<follow_cwd>, .drop = drop_parent};
constinit const NodeOps root_ops = {
    .follow = follow_root, .target = put_followed<follow_root>, .drop = drop_parent};
constinit const NodeOps self_ops = {.target = put_self};
constinit const NodeOps thread_self_ops = {.target = put_thread_self};
constinit const NodeOps mounts_ops = {.target = put_self_mounts};

Result<u64> write_anything(Node&, const Buffer&, u64 bytes)
{
    return bytes;
}

constinit const NodeOps auxv_ops = text(put_auxv), cmdline_ops = text(put_cmdline),
                        environ_ops = text(put_environ), limits_ops = text(put_limits),
                        maps_ops = text(put_maps), mounts_text_ops = text(put_mounts),
                        mountinfo_ops = text(put_mountinfo), stat_ops = text(put_stat),
                        statm_ops = text(put_statm), status_ops = text(put_status),
                        cgroup_ops = text(put_cgroup), children_ops = text(put_children);
constinit const NodeOps comm_ops = {.generate = put_comm, .write = write_comm, .drop = drop_parent};
// Nobody is killed for want of memory by a score: it may be set, and is 0.
constinit const NodeOps score_ops = {.generate = put_zero, .write = write_anything, .drop = drop_parent};

// In whose directory: a process's, a thread's.
enum class Of : u8 { both, process, thread };
struct Row {
    std::string_view name;
    u32 mode;
    const NodeOps* ops;
    Of of = Of::both;
    [[nodiscard]] bool is_in(const Node& dir) const
    {
        return of == Of::both || (of == Of::thread) == (dir.extra != 0);
    }
};
constexpr Row rows[] = {
    {"auxv", mode_file | 0400, &auxv_ops},
    {"cgroup", mode_file | 0444, &cgroup_ops},
    {"children", mode_file | 0444, &children_ops, Of::thread},
    {"cmdline", mode_file | 0444, &cmdline_ops},
    {"comm", mode_file | 0644, &comm_ops},
    {"cwd", mode_link | 0777, &cwd_ops},
    {"environ", mode_file | 0400, &environ_ops},
    {"exe", mode_link | 0777, &exe_ops},
    {"fd", mode_dir | 0500, &fds_ops},
    {"limits", mode_file | 0444, &limits_ops},
    {"maps", mode_file | 0444, &maps_ops},
    {"mountinfo", mode_file | 0444, &mountinfo_ops},
    {"mounts", mode_file | 0444, &mounts_text_ops},
    {"oom_score", mode_file | 0444, &score_ops},
    {"oom_score_adj", mode_file | 0644, &score_ops},
    {"root", mode_link | 0777, &root_ops},
    {"stat", mode_file | 0444, &stat_ops},
    {"statm", mode_file | 0444, &statm_ops},
    {"status", mode_file | 0444, &status_ops},
    {"task", mode_dir | 0555, &tasks_ops, Of::process},
};

Result<Node*> look_up_in_proc(Node& dir, std::string_view name)
{
    u64 pid;
    if (!parse(name, pid) || !hold_client(static_cast<u32>(pid)))
        return fail(Errno::noent);
    return make_shown(dir, name, mode_dir | 0555, process_ops, pid, 0);
}

bool list_proc(Node&, u64 index, Listed& out)
{
    // In the order of their numbers: what comes and goes meanwhile moves nothing that was listed.
    u32 after = 0;
    LockGuard guard(clients_lock);
    for (u64 i = 0;; ++i) {
        u32 next = ~0u;
        for (const Client* c = all_clients; c != nullptr; c = c->next)
            if (c->pid > after && c->pid < next)
                next = c->pid;
        if (next == ~0u)
            return false;
        if (i == index) {
            set_number(out, next, mode_dir);
            return true;
        }
        after = next;
    }
}

Result<Node*> look_up_in_process(Node& dir, std::string_view name)
{
    for (const Row& row : rows)
        if (row.name == name && row.is_in(dir))
            return make_shown(dir, name, row.mode, *row.ops, dir.id, dir.extra);
    return fail(Errno::noent);
}

bool list_process(Node& dir, u64 index, Listed& out)
{
    for (const Row& row : rows) {
        if (!row.is_in(dir) || index-- != 0)
            continue;
        out.name = row.name;
        out.ino = 0x20000000 + dir.id * 64 + static_cast<u64>(&row - rows);
        out.mode = row.mode;
        return true;
    }
    return false;
}

Result<Node*> look_up_fd(Node& dir, std::string_view name)
{
    u64 fd;
    if (!parse(name, fd))
        return fail(Errno::noent);
    Node* node = TRY(make_shown(dir, name, mode_link | 0700, fd_ops, dir.id, fd));
    if (shown_file(*node))
        return node;
    node->release();
    return fail(Errno::noent);
}

bool list_fds(Node& dir, u64 index, Listed& out)
{
    const ClientRef client = hold_client(static_cast<u32>(dir.id));
    if (!client)
        return false;
    LockGuard guard(client->lock);
    if (client->descriptors == nullptr)
        return false;
    i64 fd = client->descriptors->next_used(0);
    for (u64 i = 0; i < index && fd >= 0; ++i)
        fd = client->descriptors->next_used(static_cast<u64>(fd) + 1);
    if (fd < 0)
        return false;
    set_number(out, static_cast<u64>(fd), mode_link);
    return true;
}

Result<Node*> look_up_task(Node& dir, std::string_view name)
{
    u64 tid;
    if (!parse(name, tid))
        return fail(Errno::noent);
    bool is_there = false;
    if (const ClientRef client = hold_client(static_cast<u32>(dir.id)); client)
        with_process(*client, [&](Process& p) {
            LockGuard guard(p.lock);
            is_there = find_task(p, static_cast<u32>(tid)) != nullptr;
        });
    return is_there ? make_shown(dir, name, mode_dir | 0555, process_ops, dir.id, tid) : fail(Errno::noent);
}

bool list_tasks(Node& dir, u64 index, Listed& out)
{
    const ClientRef client = hold_client(static_cast<u32>(dir.id));
    bool found = false;
    if (client)
        with_process(*client, [&](Process& p) {
            LockGuard guard(p.lock);
            u64 after = 0;
            for (u64 i = 0; i <= index; ++i) {
                u64 next = ~0ull;
                for (const Task* t = p.tasks; t != nullptr; t = t->next_task)
                    if (t->tid > after && t->tid < next)
                        next = t->tid;
                found = next != ~0ull;
                after = next;
            }
            if (found)
                set_number(out, after, mode_dir);
        });
    return found;
}

} // namespace

bool make_proc()
{
    Node* proc = put_node("/proc", mode_dir | 0555, &proc_ops);
    return proc != nullptr && put_node("/proc/self", mode_link | 0777, &self_ops) != nullptr &&
           put_node("/proc/thread-self", mode_link | 0777, &thread_self_ops) != nullptr &&
           put_node("/proc/mounts", mode_link | 0777, &mounts_ops) != nullptr && make_machine_files();
}

} // namespace still::services
