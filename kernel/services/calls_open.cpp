// SPDX-License-Identifier: BSD-2-Clause
// open(2) and its relatives, and what makes new names.
#include <services/calls.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

Result<NodeRef> start_of(Client& client, u64 fd)
{
    if (static_cast<i32>(fd) == static_cast<i32>(at_fdcwd)) {
        LockGuard guard(names_lock);
        return client.location.directory ? client.location.directory : NodeRef::share(&root_node());
    }
    return TRY(file_of(client, fd))->node;
}

namespace {

// As start_of(); an absolute path needs none.
Result<NodeRef> start_for(Client& client, u64 fd, const Path& path)
{
    if (path.view().starts_with('/'))
        return NodeRef::share(&root_node());
    NodeRef start = TRY(start_of(client, fd));
    if (!path.is_empty() && !start->is_directory())
        return fail(Errno::notdir);
    return start;
}

} // namespace

Result<NodeRef> node_of(Client& client, u64 fd, u64 address, u64 flags, bool follow)
{
    Path path;
    if (address == 0 && (flags & at_empty_path) != 0)
        return start_of(client, fd);
    TRY_STATUS(path.read_user(address));
    if (path.is_empty() && (flags & at_empty_path) != 0)
        return start_of(client, fd);
    const NodeRef start = TRY(start_for(client, fd, path));
    return find_node(*start, path, follow);
}

namespace {

// A fresh node under that name, unless another is there by now: then that one.
Result<NodeRef> create(Place& place, const NodeRef& fresh, bool exclusive)
{
    LockGuard guard(names_lock);
    if (place.dir->is_dynamic_directory())
        return fail(Errno::acces);
    if (place.dir->links == 0)
        return fail(Errno::noent);
    if (Entry* entry = find_entry(*place.dir, place.view()); entry != nullptr)
        return exclusive ? fail(Errno::exist) : Result<NodeRef>(NodeRef::share(entry->node));
    TRY_STATUS(link_node(*place.dir, place.view(), *fresh));
    return fresh;
}

// A process executes it.
bool is_program(const Node& node)
{
    LockGuard names(names_lock);
    LockGuard guard(clients_lock);
    for (const Client* c = all_clients; c != nullptr; c = c->next)
        if (c->exe.get() == &node && c->state == Client::State::alive)
            return true;
    return false;
}

Served open_path(Client& client, u64 fd, u64 address, u32 flags, u32 mode)
{
    Path path;
    TRY_STATUS(path.read_user(address));
    const NodeRef start = TRY(start_for(client, fd, path));
    if ((flags & o_path) != 0)
        flags &= o_path | o_directory | o_nofollow | o_cloexec;
    if ((flags & (o_tmpfile & ~o_directory)) != 0) {
        if ((flags & o_accmode) == o_rdonly || (flags & o_directory) == 0)
            return fail(Errno::inval);
        const NodeRef dir = TRY(find_node(*start, path, true));
        if (!dir->is_directory())
            return fail(Errno::notdir);
        const NodeRef node(make<Node>(mode_file | (mode & ~client.location.umask & 07777)));
        if (!node)
            return fail(Errno::nospc);
        return add_descriptor(client, TRY(open_node(node, flags & ~o_directory)), (flags & o_cloexec) != 0);
    }
    const bool creates = (flags & o_creat) != 0;
    const bool exclusive = creates && (flags & o_excl) != 0;
    const bool follow = (flags & o_nofollow) == 0 && !exclusive;
    Place place;
    TRY_STATUS(walk(*start, path, follow, place));
    bool fresh = false;
    if (!place.node) {
        if (!creates)
            return fail(Errno::noent);
        if (place.wants_directory)
            return fail(Errno::isdir);
        if ((flags & o_directory) != 0)
            return fail(Errno::inval);
        const NodeRef made(make<Node>(mode_file | (mode & ~client.location.umask & 07777)));
        if (!made)
            return fail(Errno::nospc);
        place.node = TRY(create(place, made, exclusive));
        fresh = place.node.get() == made.get();
    } else if (exclusive) {
        return fail(Errno::exist);
    }
    Node& node = *place.node;
    if (node.is(mode_link) && (flags & o_path) == 0)
        return fail((flags & o_directory) != 0 ? Errno::notdir : Errno::loop);
    if ((flags & o_directory) != 0 && !node.is_directory())
        return fail(Errno::notdir);
    if (node.is_directory() && (creates || (flags & o_accmode) != o_rdonly) && (flags & o_path) == 0)
        return fail(Errno::isdir);
    if (node.is(mode_socket) && (flags & o_path) == 0)
        return fail(Errno::nxio);
    if ((flags & o_accmode) != o_rdonly && (flags & o_path) == 0 && is_program(node))
        return fail(Errno::txtbsy);
    const FileRef file = TRY(open_node(place.node, flags));
    if ((flags & o_trunc) != 0 && !fresh && node.is(mode_file) && node.ops == nullptr) {
        MutexGuard guard(node.writing);
        TRY_STATUS(resize_file(node, 0));
        LockGuard names(names_lock);
        node.touch(true);
    }
    return add_descriptor(client, file, (flags & o_cloexec) != 0);
}

} // namespace

Served serve_open(Client& client, const Args& a)
{
    return open_path(client, at_fdcwd, a[0], static_cast<u32>(a[1]), static_cast<u32>(a[2]));
}

Served serve_openat(Client& client, const Args& a)
{
    return open_path(client, a[0], a[1], static_cast<u32>(a[2]), static_cast<u32>(a[3]));
}

Served serve_creat(Client& client, const Args& a)
{
    return open_path(client, at_fdcwd, a[0], o_creat | o_wronly | o_trunc, static_cast<u32>(a[1]));
}

namespace {

// A new name for a node that is made for it.
Served add_name(Client& client, u64 fd, u64 address, const NodeRef& node, bool is_directory)
{
    Path path;
    if (!node)
        return fail(Errno::nospc);
    TRY_STATUS(path.read_user(address));
    const NodeRef start = TRY(start_for(client, fd, path));
    Place place;
    TRY_STATUS(walk(*start, path, false, place));
    if (place.node)
        return fail(Errno::exist);
    if (place.wants_directory && !is_directory)
        return fail(Errno::noent);
    TRY(create(place, node, true));
    return 0;
}

Served make_directory(Client& client, u64 fd, u64 path, u64 mode)
{
    const u32 bits = static_cast<u32>(mode) & ~client.location.umask & 01777;
    return add_name(client, fd, path, NodeRef(make<Node>(mode_dir | bits)), true);
}

Served make_special(Client& client, u64 fd, u64 path, u64 mode)
{
    u32 type = static_cast<u32>(mode) & mode_type;
    if (type == 0)
        type = mode_file;
    if (type == mode_dir)
        return fail(Errno::perm);
    if (type != mode_file && type != mode_fifo && type != mode_socket)
        return fail(Errno::perm); // no devices but those of /dev
    const u32 bits = static_cast<u32>(mode) & ~client.location.umask & 07777;
    return add_name(client, fd, path, NodeRef(make<Node>(type | bits)), false);
}

Served make_link(Client& client, u64 target, u64 fd, u64 path)
{
    Path text;
    TRY_STATUS(text.read_user(target));
    if (text.is_empty())
        return fail(Errno::noent);
    const NodeRef node(make<Node>(mode_link | 0777));
    if (!node || !node->target.assign(text.view()))
        return fail(Errno::nospc);
    return add_name(client, fd, path, node, false);
}

Served link_again(Client& client, u64 old_fd, u64 old_path, u64 fd, u64 path, u64 flags)
{
    if ((flags & ~(at_symlink_follow | at_empty_path)) != 0)
        return fail(Errno::inval);
    const NodeRef node = TRY(node_of(client, old_fd, old_path, flags, (flags & at_symlink_follow) != 0));
    if (node->is_directory())
        return fail(Errno::perm);
    if (node->ops != nullptr)
        return fail(Errno::xdev);
    return add_name(client, fd, path, node, false);
}

} // namespace

Served serve_mkdir(Client& client, const Args& a)
{
    return make_directory(client, at_fdcwd, a[0], a[1]);
}
Served serve_mkdirat(Client& client, const Args& a)
{
    return make_directory(client, a[0], a[1], a[2]);
}
Served serve_mknod(Client& client, const Args& a)
{
    return make_special(client, at_fdcwd, a[0], a[1]);
}
Served serve_mknodat(Client& client, const Args& a)
{
    return make_special(client, a[0], a[1], a[2]);
}
Served serve_symlink(Client& client, const Args& a)
{
    return make_link(client, a[0], at_fdcwd, a[1]);
}
Served serve_symlinkat(Client& client, const Args& a)
{
    return make_link(client, a[0], a[1], a[2]);
}
Served serve_link(Client& client, const Args& a)
{
    return link_again(client, at_fdcwd, a[0], at_fdcwd, a[1], 0);
}
Served serve_linkat(Client& client, const Args& a)
{
    return link_again(client, a[0], a[1], a[2], a[3], a[4]);
}

Served serve_memfd_create(Client& client, const Args& a)
{
    constexpr u64 cloexec = 1, allow_sealing = 2;
    Path name;
    TRY_STATUS(name.read_user(a[0]));
    if ((a[1] & ~(cloexec | allow_sealing)) != 0)
        return fail(Errno::inval); // huge pages among them: there is no pool here
    const NodeRef node(make<Node>(mode_file | 0777));
    if (!node || name.view().size() > 249)
        return fail(node ? Errno::inval : Errno::nomem);
    return add_descriptor(client, TRY(open_node(node, o_rdwr)), (a[1] & cloexec) != 0);
}

} // namespace still::services
