// SPDX-License-Identifier: BSD-2-Clause
// The archive becomes the root's tree: names and small things are copied, contents stay where they are.
#include <debug/log.hpp>
#include <services/archive.hpp>
#include <services/cpio.hpp>
#include <services/node.hpp>

namespace still::services {

namespace {

constexpr u64 second = 1'000'000'000;
constexpr u32 num_buckets = 256;

// Members that are names of one file: the contents come with the last.
struct HardLink {
    u32 ino;
    Node* node;
    HardLink* next;
};

class Unpacker {
  public:
    ~Unpacker()
    {
        for (HardLink*& bucket : buckets_) {
            while (bucket != nullptr) {
                HardLink* link = bucket;
                bucket = link->next;
                destroy(link);
            }
        }
    }
    bool take(const CpioMember& m) REQUIRES(names_lock);
    u64 refused = 0, taken = 0;

  private:
    bool refuse(const CpioMember& m, const char* why)
    {
        constexpr u64 told_at_most = 8;
        if (refused++ < told_at_most)
            log("archive: {} is left out: {}", m.name.substr(0, 80), why);
        return true;
    }
    Node* find_linked(u32 ino);
    bool remember(u32 ino, Node& node);
    char room_[4096];
    HardLink* buckets_[num_buckets] = {};
};

Node* Unpacker::find_linked(u32 ino)
{
    for (HardLink* link = buckets_[ino % num_buckets]; link != nullptr; link = link->next)
        if (link->ino == ino)
            return link->node;
    return nullptr;
}

bool Unpacker::remember(u32 ino, Node& node)
{
    auto* link = make<HardLink>(HardLink{ino, &node, buckets_[ino % num_buckets]});
    if (link == nullptr)
        return false;
    buckets_[ino % num_buckets] = link;
    return true;
}

void describe(Node& node, const CpioMember& m)
{
    node.mode = m.mode & (mode_type | 07777);
    node.uid = m.uid;
    node.gid = m.gid;
    node.accessed = node.modified = node.changed = m.modified * second;
}

// false: no memory.
bool Unpacker::take(const CpioMember& m)
{
    std::string_view path;
    if (!clean_member_name(m.name, room_, sizeof(room_), path))
        return refuse(m, "its name leads out of the archive, or is too long");
    const u32 type = m.mode & mode_type;
    if (type != mode_file && type != mode_dir && type != mode_link && type != mode_fifo)
        return type == mode_char || type == 0060000 ? true : refuse(m, "of no known type"); // /dev is ours
    ++taken;
    if (path.empty()) {
        if (type == mode_dir)
            describe(root_node(), m);
        return true;
    }
    const usize slash = path.rfind('/');
    const std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    Node* dir = make_directories(path.substr(0, slash == std::string_view::npos ? 0 : slash));
    if (dir == nullptr)
        return refuse(m, "a name on its way is no directory");
    Entry* old = find_entry(*dir, name);
    if (type == mode_dir) {
        if (old != nullptr && !old->node->is_directory())
            return refuse(m, "its name is taken");
        Node* made = old != nullptr ? old->node : make_directories(path);
        if (made == nullptr)
            return false;
        describe(*made, m);
        return true;
    }
    if (old != nullptr && old->node->is_directory())
        return refuse(m, "its name is taken by a directory");
    NodeRef gone;
    if (old != nullptr) // the later one counts, as if it were unpacked over the other
        unlink_entry(*dir, *old, gone);
    const bool is_linked = type == mode_file && m.links > 1;
    Node* same = is_linked ? find_linked(m.ino) : nullptr;
    const NodeRef node = same != nullptr ? NodeRef::share(same) : NodeRef(make<Node>(mode_file));
    // SAFETY: the name's last part lies in the archive as it is.
    if (!node || !link_node(*dir, m.name.substr(m.name.rfind(name)).substr(0, name.size()), *node, true))
        return false;
    if (is_linked && same == nullptr && !remember(m.ino, *node))
        return false;
    describe(*node, m);
    if (type == mode_link) {
        const std::string_view target(reinterpret_cast<const char*>(m.data), m.bytes);
        if (m.bytes == 0 || m.bytes >= max_path || target.find('\0') != std::string_view::npos) {
            unlink_entry(*dir, *find_entry(*dir, name), gone);
            return refuse(m, "a link to nothing");
        }
        return node->target.assign(target);
    }
    if (type == mode_file && (m.bytes != 0 || same == nullptr))
        node->data.refer_to(m.data, m.bytes);
    return true;
}

} // namespace

const char* unpack_archive(const u8* archive, u64 bytes)
{
    auto* unpacker = make<Unpacker>();
    if (unpacker == nullptr)
        return "no memory";
    CpioReader reader(archive, bytes);
    const char* wrong = nullptr;
    for (;;) {
        const auto member = reader.next();
        if (!member) {
            if (member.error() != Errno::noent)
                log("archive: from byte {} on it is left out: {}", reader.offset(), reader.why());
            break;
        }
        LockGuard guard(names_lock);
        if (!unpacker->take(*member)) {
            wrong = "no memory for the archive's names";
            break;
        }
    }
    log("archive: {} members, {} left out", unpacker->taken, unpacker->refused);
    destroy(unpacker);
    return wrong;
}

} // namespace still::services
