// SPDX-License-Identifier: BSD-2-Clause
// From a path to a node (path_resolution(7)).
#include <base/format.hpp>
#include <services/node.hpp>

namespace still::services {

namespace {

constexpr u32 max_links = 40;

bool is_special(std::string_view name)
{
    return name.empty() || name == "." || name == "..";
}

void set_name(Place& place, std::string_view name)
{
    place.length = static_cast<u32>(name.size());
    __builtin_memcpy(place.name, name.data(), name.size());
}

Result<NodeRef> child_of(Node& dir, std::string_view name)
{
    if (Entry* entry = find_entry(dir, name); entry != nullptr)
        return NodeRef::share(entry->node);
    if (!dir.is_dynamic_directory())
        return NodeRef();
    const auto node = dir.ops->look_up(dir, name);
    if (!node)
        return node.error() == Errno::noent ? Result<NodeRef>(NodeRef()) : fail(node.error());
    return NodeRef(*node);
}

// One step over a name that is "." or "..".
Result<NodeRef> step(const NodeRef& at, std::string_view name)
{
    if (name != "..")
        return at;
    if (at->parent == nullptr)
        return fail(Errno::noent);
    return NodeRef::share(at->parent);
}

// The link's text goes before the rest of the path; a link without text leads on directly.
Status take_link(NodeRef& at, const NodeRef& link, Path& path, u64& done, NodeRef& direct)
{
    if (link->ops != nullptr && link->ops->follow != nullptr) {
        direct = NodeRef(TRY(link->ops->follow(*link)));
        return {};
    }
    char room[max_name + 1];
    TextBuffer text(room);
    std::string_view target = link->target.view();
    if (link->ops != nullptr && link->ops->target != nullptr) {
        link->ops->target(*link, text);
        target = text.view();
    }
    const bool absolute = !target.empty() && target[0] == '/';
    TRY_STATUS(path.replace(done, target));
    done = 0;
    if (absolute)
        at = NodeRef::share(&root_node());
    return {};
}

Status walk_locked(Node& start, Path& path, bool follow_last, Place& place) REQUIRES(names_lock)
{
    if (path.is_empty())
        return fail(Errno::noent);
    NodeRef at = NodeRef::share(path.view()[0] == '/' ? &root_node() : &start);
    u64 done = 0;
    u32 links = 0;
    place.dir = NodeRef();
    for (;;) {
        std::string_view rest = path.view().substr(done);
        const usize begin = min<usize>(rest.find_first_not_of('/'), rest.size());
        if (begin == rest.size()) { // nothing but slashes: where we are
            place.node = at;
            return at->is_directory() ? Status{} : fail(Errno::notdir);
        }
        rest.remove_prefix(begin);
        const std::string_view name = rest.substr(0, rest.find('/'));
        const std::string_view behind = rest.substr(name.size());
        const bool is_last = behind.find_first_not_of('/') == std::string_view::npos;
        done = path.view().size() - behind.size();
        if (!at->is_directory())
            return fail(Errno::notdir);
        if (name.size() > max_name)
            return fail(Errno::nametoolong);
        if (is_special(name)) {
            at = TRY(step(at, name));
            if (!is_last)
                continue;
            place.node = at;
            return {};
        }
        NodeRef child = TRY(child_of(*at, name));
        place.wants_directory = is_last && !behind.empty();
        if (child && child->is(mode_link) && (!is_last || follow_last || place.wants_directory)) {
            if (++links > max_links)
                return fail(Errno::loop);
            NodeRef direct;
            TRY_STATUS(take_link(at, child, path, done, direct));
            if (!direct)
                continue;
            child = direct;
        }
        if (is_last) {
            place.dir = at;
            place.node = child;
            set_name(place, name);
            return child && place.wants_directory && !child->is_directory() ? fail(Errno::notdir) : Status{};
        }
        if (!child)
            return fail(Errno::noent);
        at = child;
    }
}

} // namespace

Status walk(Node& start, Path& path, bool follow_last, Place& place)
{
    LockGuard guard(names_lock);
    return walk_locked(start, path, follow_last, place);
}

Result<NodeRef> find_node(Node& start, Path& path, bool follow_last)
{
    Place place;
    TRY_STATUS(walk(start, path, follow_last, place));
    if (!place.node)
        return fail(Errno::noent);
    return place.node;
}

Status Path::read_user(u64 address)
{
    if (!room_)
        return fail(Errno::nomem);
    // Up to the end of a page at a time: what lies behind the string need not be there.
    size_ = 0;
    while (size_ < max_path) {
        const u64 at = address + size_;
        const u64 piece = min(max_path - size_, page_size - at % page_size);
        TRY_STATUS(copy_from_user(room_.data() + size_, at, piece));
        const std::string_view text(room_.data() + size_, piece);
        const usize end = text.find('\0');
        if (end != std::string_view::npos) {
            size_ += end;
            return {};
        }
        size_ += piece;
    }
    return fail(Errno::nametoolong);
}

Status Path::assign(std::string_view text)
{
    if (!room_)
        return fail(Errno::nomem);
    if (text.size() >= max_path)
        return fail(Errno::nametoolong);
    __builtin_memcpy(room_.data(), text.data(), text.size());
    size_ = text.size();
    return {};
}

Status Path::replace(u64 done, std::string_view link)
{
    const u64 rest = size_ - done;
    if (link.empty())
        return fail(Errno::noent);
    if (link.size() + rest >= max_path)
        return fail(Errno::nametoolong);
    __builtin_memmove(room_.data() + link.size(), room_.data() + done, rest);
    __builtin_memcpy(room_.data(), link.data(), link.size());
    size_ = link.size() + rest;
    return {};
}

} // namespace still::services
