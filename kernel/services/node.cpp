// SPDX-License-Identifier: BSD-2-Clause
#include <services/node.hpp>
#include <services/pipe.hpp>

namespace still::services {

namespace {

std::atomic<u64> next_ino{2};
Node* the_root = nullptr;

u32 hash_of(std::string_view name)
{
    u32 h = 2166136261u;
    for (const char c : name)
        h = (h ^ static_cast<u8>(c)) * 16777619u;
    return h;
}

void free_entry(Entry* entry)
{
    if (entry->own_name)
        give_bytes(const_cast<char*>(entry->name), entry->length);
    destroy(entry);
}

} // namespace

SpinLock names_lock;

Node::Node(u32 its_mode, const NodeOps* its_ops) : ino(next_ino.fetch_add(1)), ops(its_ops), mode(its_mode)
{
    accessed = modified = changed = realtime_ns();
}

Node::~Node()
{
    if (ops != nullptr && ops->drop != nullptr)
        ops->drop(*this);
    if (Pipe* p = pipe.load(); p != nullptr)
        destroy(p);
    while (first != nullptr) {
        Entry* entry = first;
        first = entry->next;
        entry->node->release();
        free_entry(entry);
    }
}

void Node::release()
{
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        destroy(this);
}

void Node::touch(bool contents)
{
    changed = realtime_ns();
    if (contents)
        modified = changed;
}

u64 Node::size() const
{
    if (is(mode_link))
        return target.view().size();
    return is(mode_file) ? data.size() : 0;
}

Node& root_node()
{
    if (the_root == nullptr) {
        the_root = make<Node>(mode_dir | 0755);
        the_root->parent = the_root;
        the_root->links = 2;
    }
    return *the_root;
}

Entry* find_entry(Node& dir, std::string_view name)
{
    const u32 hash = hash_of(name);
    for (Entry* e = dir.first; e != nullptr; e = e->next)
        if (e->hash == hash && e->view() == name)
            return e;
    return nullptr;
}

Status link_node(Node& dir, std::string_view name, Node& node, bool lasting)
{
    auto* entry = make<Entry>();
    if (entry == nullptr)
        return fail(Errno::nospc);
    if (lasting) {
        entry->name = name.data();
    } else {
        auto* own = static_cast<char*>(take_bytes(name.size()));
        if (own == nullptr) {
            destroy(entry);
            return fail(Errno::nospc);
        }
        __builtin_memcpy(own, name.data(), name.size());
        entry->name = own;
    }
    entry->own_name = !lasting;
    entry->length = static_cast<u32>(name.size());
    entry->hash = hash_of(name);
    entry->node = &node;
    entry->cookie = dir.next_cookie++;
    node.retain();
    (dir.last != nullptr ? dir.last->next : dir.first) = entry;
    dir.last = entry;
    ++dir.num_entries;
    node.parent = &dir;
    ++node.links;
    if (node.is_directory()) {
        ++node.links;
        ++dir.links;
    }
    node.touch(false);
    dir.touch(true);
    return {};
}

void unlink_entry(Node& dir, Entry& entry, NodeRef& unlinked)
{
    Entry* before = nullptr;
    for (Entry* e = dir.first; e != &entry; e = e->next)
        before = e;
    (before != nullptr ? before->next : dir.first) = entry.next;
    if (dir.last == &entry)
        dir.last = before;
    --dir.num_entries;
    Node& node = *entry.node;
    --node.links;
    if (node.is_directory()) {
        --node.links;
        --dir.links;
    }
    if (node.links == 0 || node.is_directory())
        node.parent = nullptr;
    node.touch(false);
    dir.touch(true);
    unlinked = NodeRef(entry.node);
    free_entry(&entry);
}

void put_path(Node& node, TextBuffer& out)
{
    constexpr u32 deepest = 64;
    std::string_view names[deepest];
    u32 count = 0;
    Node* at = &node;
    while (at != the_root && at->parent != nullptr && count < deepest) {
        std::string_view name;
        for (Entry* e = at->parent->first; e != nullptr && name.empty(); e = e->next)
            if (e->node == at)
                name = e->view();
        if (name.empty() && at->ops != nullptr)
            name = at->target.view(); // made on demand: it knows its name
        if (name.empty())
            break;
        names[count++] = name;
        at = at->parent;
    }
    if (count == 0)
        out.put('/');
    while (count > 0) {
        out.put('/');
        out.put(names[--count]);
    }
    if (at != the_root)
        out.put(" (deleted)");
}

Node* make_directories(std::string_view path)
{
    Node* at = &root_node();
    while (!path.empty()) {
        const usize end = path.find('/');
        const std::string_view name = path.substr(0, end);
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
        if (name.empty())
            continue;
        if (Entry* e = find_entry(*at, name); e != nullptr) {
            if (!e->node->is_directory())
                return nullptr;
            at = e->node;
            continue;
        }
        const NodeRef made(make<Node>(mode_dir | 0755));
        if (!made || !link_node(*at, name, *made))
            return nullptr;
        at = made.get();
    }
    return at;
}

Node* put_node(std::string_view path, u32 mode, const NodeOps* ops, u64 id)
{
    const usize slash = path.rfind('/');
    Node* dir = make_directories(path.substr(0, slash));
    const std::string_view name = path.substr(slash + 1);
    if (dir == nullptr)
        return nullptr;
    if (Entry* old = find_entry(*dir, name); old != nullptr) {
        NodeRef unlinked; // what the archive has of that name
        unlink_entry(*dir, *old, unlinked);
    }
    const NodeRef node(make<Node>(mode, ops));
    if (!node || !link_node(*dir, name, *node))
        return nullptr;
    node->id = id;
    return node.get();
}

} // namespace still::services
