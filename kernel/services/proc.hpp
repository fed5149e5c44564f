// SPDX-License-Identifier: BSD-2-Clause
// /proc, and as much of /sys as programs look at.
#pragma once

#include <services/client.hpp>

namespace still::services {

bool make_proc() REQUIRES(names_lock); // false: no memory
bool make_machine_files() REQUIRES(names_lock);
bool make_topology() REQUIRES(names_lock);

// A node that is made as it is looked up; it keeps the directory that it is in, until drop_parent().
Result<Node*> make_shown(Node& dir, std::string_view name, u32 mode, const NodeOps& ops, u64 id, u64 extra);
void drop_parent(Node& node);

// Of a process's directory: node.id is the process, node.extra the thread, 0: the process.
inline ClientRef client_of(const Node& node)
{
    return hold_client(static_cast<u32>(node.id));
}
// A process's own directory shows what its first thread's does.
inline u32 thread_of(const Node& node)
{
    return static_cast<u32>(node.extra != 0 ? node.extra : node.id);
}
bool put_cmdline(Node& node, TextBuffer& out);
bool put_environ(Node& node, TextBuffer& out);
bool put_auxv(Node& node, TextBuffer& out);
bool put_comm(Node& node, TextBuffer& out);
Result<u64> write_comm(Node& node, const Buffer& from, u64 bytes);
bool put_limits(Node& node, TextBuffer& out);
bool put_maps(Node& node, TextBuffer& out);
bool put_mounts(Node& node, TextBuffer& out);
bool put_mountinfo(Node& node, TextBuffer& out);
bool put_stat(Node& node, TextBuffer& out);
bool put_statm(Node& node, TextBuffer& out);
bool put_status(Node& node, TextBuffer& out);
bool put_cgroup(Node& node, TextBuffer& out);

// The process of a client, which stays while this lives; none: it has ended.
class ShownProcess {
  public:
    explicit ShownProcess(const Client& client);
    ~ShownProcess();
    ShownProcess(const ShownProcess&) = delete;
    ShownProcess& operator=(const ShownProcess&) = delete;
    explicit operator bool() const { return process_ != nullptr; }
    Process& operator*() const { return *process_; }
    Process* operator->() const { return process_; }
    [[nodiscard]] Image* image() const { return image_; }

  private:
    Process* process_ = nullptr;
    Image* image_ = nullptr;
};

} // namespace still::services
