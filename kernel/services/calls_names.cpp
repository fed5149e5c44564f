// SPDX-License-Identifier: BSD-2-Clause
// What takes names away or changes them, and where a process is among them.
#include <base/format.hpp>
#include <services/calls.hpp>

namespace still::services {

namespace {

Result<Place> place_of(Client& client, u64 fd, u64 address)
{
    Path path;
    TRY_STATUS(path.read_user(address));
    NodeRef start;
    if (!path.view().starts_with('/'))
        start = TRY(start_of(client, fd));
    else
        start = NodeRef::share(&root_node());
    Place place;
    TRY_STATUS(walk(*start, path, false, place));
    return place;
}

Served unlink_path(Client& client, u64 fd, u64 address, bool directory)
{
    Path path;
    TRY_STATUS(path.read_user(address));
    const bool ends_in_dot = path.view().ends_with("/.") || path.view() == ".";
    Place place = TRY(place_of(client, fd, address));
    if (!place.node)
        return fail(Errno::noent);
    if (!place.dir)
        return fail(!directory ? Errno::isdir : ends_in_dot ? Errno::inval : Errno::notempty);
    NodeRef unlinked;
    LockGuard guard(names_lock);
    if (place.dir->is_dynamic_directory())
        return fail(Errno::perm);
    Entry* entry = find_entry(*place.dir, place.view());
    if (entry == nullptr)
        return fail(Errno::noent);
    Node& node = *entry->node;
    if (directory && !node.is_directory())
        return fail(Errno::notdir);
    if (!directory && node.is_directory())
        return fail(Errno::isdir);
    if (!directory && place.wants_directory)
        return fail(Errno::notdir);
    if (directory && (node.first != nullptr || node.is_dynamic_directory()))
        return fail(node.first != nullptr ? Errno::notempty : Errno::busy);
    unlink_entry(*place.dir, *entry, unlinked);
    return 0;
}

bool is_inside(const Node& node, const Node& dir)
{
    for (const Node* at = &node; at != nullptr; at = at->parent) {
        if (at == &dir)
            return true;
        if (at->parent == at)
            return false;
    }
    return false;
}

// Under names_lock: everything is looked at before anything is changed.
Served rename_locked(Place& from, Place& to, u64 flags, NodeRef& old, NodeRef& kept) REQUIRES(names_lock)
{
    constexpr u64 no_replace = 1, exchange = 2;
    Entry* source = find_entry(*from.dir, from.view());
    if (source == nullptr)
        return fail(Errno::noent);
    Entry* target = find_entry(*to.dir, to.view());
    Node& node = *source->node;
    if (target != nullptr && (flags & no_replace) != 0)
        return fail(Errno::exist);
    if (node.is_directory() && is_inside(*to.dir, node))
        return fail(Errno::inval);
    if ((from.wants_directory || to.wants_directory) && !node.is_directory())
        return fail(Errno::notdir);
    if ((flags & exchange) != 0) {
        if (target == nullptr)
            return fail(Errno::noent);
        if (target->node->is_directory() && is_inside(*from.dir, *target->node))
            return fail(Errno::inval);
        std::swap(source->node, target->node);
        source->node->parent = from.dir.get();
        target->node->parent = to.dir.get();
        const i32 moved = (node.is_directory() ? 1 : 0) - (source->node->is_directory() ? 1 : 0);
        from.dir->links -= static_cast<u32>(moved);
        to.dir->links += static_cast<u32>(moved);
        return 0;
    }
    if (target != nullptr) {
        if (target->node == &node)
            return 0; // two names of one file: nothing happens
        if (node.is_directory() && !target->node->is_directory())
            return fail(Errno::notdir);
        if (!node.is_directory() && target->node->is_directory())
            return fail(Errno::isdir);
        if (target->node->is_directory() && target->node->first != nullptr)
            return fail(Errno::notempty);
    } else if (to.dir->links == 0) {
        return fail(Errno::noent);
    }
    // The new name first: it may need memory.
    if (target != nullptr)
        unlink_entry(*to.dir, *target, old);
    if (const Status linked = link_node(*to.dir, to.view(), node); !linked)
        return fail(linked.error());
    source = find_entry(*from.dir, from.view());
    if (from.dir.get() == to.dir.get() && from.view() == to.view())
        return 0;
    unlink_entry(*from.dir, *source, kept);
    node.parent = to.dir.get();
    return 0;
}

Served rename_path(Client& client, u64 from_fd, u64 from_path, u64 to_fd, u64 to_path, u64 flags)
{
    if (flags > 2)
        return fail(Errno::inval);
    Place from = TRY(place_of(client, from_fd, from_path));
    Place to = TRY(place_of(client, to_fd, to_path));
    if (!from.dir || !to.dir)
        return fail(Errno::busy);
    if (!from.node)
        return fail(Errno::noent);
    if (from.dir->is_dynamic_directory() || to.dir->is_dynamic_directory())
        return fail(from.dir.get() == to.dir.get() ? Errno::perm : Errno::xdev);
    NodeRef old, kept;
    LockGuard guard(names_lock);
    return rename_locked(from, to, flags, old, kept);
}

Served read_link(Client& client, u64 fd, u64 address, u64 to, u64 bytes)
{
    if (static_cast<i32>(bytes) <= 0)
        return fail(Errno::inval);
    const bool is_empty = TRY(UserIn<char>(address).read()) == '\0';
    const NodeRef node = TRY(node_of(client, fd, address, at_empty_path, false));
    if (!node->is(mode_link))
        return fail(is_empty ? Errno::noent : Errno::inval);
    Scratch room(max_path);
    if (!room)
        return fail(Errno::nomem);
    TextBuffer text({room.data(), room.size()});
    {
        LockGuard guard(names_lock);
        if (node->ops != nullptr && node->ops->target != nullptr)
            node->ops->target(*node, text);
        else
            text.put(node->target.view());
    }
    const u64 length = min<u64>(text.view().size(), bytes);
    TRY_STATUS(copy_to_user(to, room.data(), length));
    return length;
}

Served go_to(Client& client, const NodeRef& node)
{
    if (!node->is_directory())
        return fail(Errno::notdir);
    NodeRef old = node;
    LockGuard guard(names_lock);
    std::swap(client.location.directory, old);
    return 0;
}

} // namespace

Served serve_unlink(Client& client, const Args& a)
{
    return unlink_path(client, at_fdcwd, a[0], false);
}
Served serve_rmdir(Client& client, const Args& a)
{
    return unlink_path(client, at_fdcwd, a[0], true);
}
Served serve_unlinkat(Client& client, const Args& a)
{
    if ((a[2] & ~at_removedir) != 0)
        return fail(Errno::inval);
    return unlink_path(client, a[0], a[1], (a[2] & at_removedir) != 0);
}
Served serve_rename(Client& client, const Args& a)
{
    return rename_path(client, at_fdcwd, a[0], at_fdcwd, a[1], 0);
}
Served serve_renameat(Client& client, const Args& a)
{
    return rename_path(client, a[0], a[1], a[2], a[3], 0);
}
Served serve_renameat2(Client& client, const Args& a)
{
    return rename_path(client, a[0], a[1], a[2], a[3], a[4]);
}
Served serve_readlink(Client& client, const Args& a)
{
    return read_link(client, at_fdcwd, a[0], a[1], a[2]);
}
Served serve_readlinkat(Client& client, const Args& a)
{
    return read_link(client, a[0], a[1], a[2], a[3]);
}
Served serve_chdir(Client& client, const Args& a)
{
    return go_to(client, TRY(node_of(client, at_fdcwd, a[0], 0, true)));
}
Served serve_fchdir(Client& client, const Args& a)
{
    return go_to(client, TRY(file_of(client, a[0]))->node);
}

Served serve_getcwd(Client& client, const Args& a)
{
    Scratch room(max_path);
    if (!room)
        return fail(Errno::nomem);
    const NodeRef directory = TRY(start_of(client, at_fdcwd));
    TextBuffer text({room.data(), room.size()});
    {
        LockGuard guard(names_lock);
        if (directory->parent == nullptr)
            return fail(Errno::noent);
        put_path(*directory, text);
    }
    text.put('\0');
    const u64 length = text.view().size();
    if (length > a[1])
        return fail(Errno::range);
    TRY_STATUS(copy_to_user(a[0], room.data(), length));
    return length;
}

Served serve_umask(Client& client, const Args& a)
{
    LockGuard guard(client.lock);
    return std::exchange(client.location.umask, static_cast<u32>(a[0]) & 0777);
}

} // namespace still::services
