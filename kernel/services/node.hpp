// SPDX-License-Identifier: BSD-2-Clause
// What names stand for: files, directories, links, devices, pipes; and the tree of names.
#pragma once

#include <base/format.hpp>
#include <services/file_data.hpp>
#include <services/heap.hpp>
#include <services/waiting.hpp>

namespace still::services {

class Node;
class OpenFile;
class Pipe;
struct MappedRange;

constexpr u32 mode_type = 0170000, mode_fifo = 0010000, mode_char = 0020000, mode_dir = 0040000,
              mode_file = 0100000, mode_link = 0120000, mode_socket = 0140000, mode_anonymous = 0;
constexpr u64 max_name = 255, max_path = 4096;

// One name of a directory.
struct Entry {
    Entry* next = nullptr;
    Node* node = nullptr; // a reference
    u64 cookie = 0;       // ascends along the directory's list
    u32 hash = 0;
    u32 length = 0;
    const char* name = nullptr;
    bool own_name = false; // else the archive's
    [[nodiscard]] std::string_view view() const { return {name, length}; }
};

// A line of a directory that is made as it is asked for.
struct Listed {
    char room[64];
    std::string_view name;
    u64 ino = 0;
    u32 mode = 0;
};

// Of nodes that are no plain files and directories. What is nullptr is as for those.
struct NodeOps {
    Status (*open)(Node& node, OpenFile& file) = nullptr;
    // A directory whose names are made when they are asked for. With the names' lock held.
    Result<Node*> (*look_up)(Node& dir, std::string_view name) = nullptr;
    bool (*list)(Node& dir, u64 index, Listed& out) = nullptr;
    // A link to a node that needs no name (/proc/self/exe); else target() is looked up.
    Result<Node*> (*follow)(Node& node) = nullptr;
    void (*target)(Node& node, TextBuffer& out) = nullptr;
    // A file whose text is made when it is opened. false: the process has gone.
    bool (*generate)(Node& node, TextBuffer& out) = nullptr;
    Result<u64> (*write)(Node& node, const Buffer& from, u64 bytes) = nullptr;
    void (*drop)(Node& node) = nullptr; // the last reference
};

extern SpinLock names_lock; // outermost but for the clients' lock, which comes after it

class Node {
  public:
    explicit Node(u32 its_mode, const NodeOps* its_ops = nullptr);
    void retain() { refs_.fetch_add(1, std::memory_order_relaxed); }
    void release();
    [[nodiscard]] bool is(u32 type) const { return (mode & mode_type) == type; }
    [[nodiscard]] bool is_directory() const { return is(mode_dir); }
    [[nodiscard]] bool is_dynamic_directory() const { return ops != nullptr && ops->look_up != nullptr; }
    void touch(bool contents); // its times: changed, or only its attributes
    [[nodiscard]] u64 size() const;

    const u64 ino;
    const NodeOps* const ops;
    u64 id = 0, extra = 0; // of those with ops, theirs; device: number
    // Under names_lock; read without it where only one word counts.
    u32 mode;
    u32 uid = 0, gid = 0;
    u32 links = 0;
    u64 accessed = 0, modified = 0, changed = 0; // ns of the real-time clock
    Node* parent = nullptr;                      // where it was linked last; nullptr: nowhere any more
    Entry* first = nullptr;                      // of a directory
    Entry* last = nullptr;
    u64 next_cookie = 3;
    u32 num_entries = 0;
    Text target; // of a link
    // Of a file.
    FileData data;
    Mutex writing;                   // writes, appends and truncations happen one after the other
    MappedRange* mappings = nullptr; // shared_memory.cpp's
    u32 seals = 0;
    std::atomic<Pipe*> pipe{nullptr}; // of a fifo that is open

  private:
    ~Node();
    friend void destroy<Node>(Node*);
    std::atomic<u32> refs_{1};
};

using NodeRef = Ref<Node>;

// The tree, under names_lock.
[[nodiscard]] Node& root_node();
[[nodiscard]] Entry* find_entry(Node& dir, std::string_view name);
// Takes no reference over, and makes one. lasting: the name stays where it is for ever.
Status link_node(Node& dir, std::string_view name, Node& node, bool lasting = false);
void unlink_entry(Node& dir, Entry& entry, NodeRef& unlinked);
// Its path from the root, as far as it has one.
void put_path(Node& node, TextBuffer& out);
// A directory that is there or is made now; for the archive and for what the services put into the tree.
Node* make_directories(std::string_view path);
// A new node with that name; nullptr: no memory, or the name is taken.
Node* put_node(std::string_view path, u32 mode, const NodeOps* ops, u64 id = 0);

// A path of a system call, in memory of its own.
class Path {
  public:
    Path() : room_(max_path) {}
    Status read_user(u64 address);
    Status assign(std::string_view text);
    [[nodiscard]] std::string_view view() const { return {room_.data(), size_}; }
    [[nodiscard]] bool is_empty() const { return size_ == 0; }
    // What is left of it behind done becomes link + the rest.
    Status replace(u64 done, std::string_view link);

  private:
    Scratch room_;
    u64 size_ = 0;
};

struct Place {
    NodeRef dir;  // in which the last name is, or may be made; none for "/", "." and ".."
    NodeRef node; // none: no such name
    char name[max_name + 1];
    u32 length = 0;
    bool wants_directory = false; // the path ends in a slash
    [[nodiscard]] std::string_view view() const { return {name, length}; }
};

// noent for a name before the last only. The path is changed by the links on the way.
Status walk(Node& start, Path& path, bool follow_last, Place& place) EXCLUDES(names_lock);
// The node of an existing name.
Result<NodeRef> find_node(Node& start, Path& path, bool follow_last) EXCLUDES(names_lock);

} // namespace still::services
