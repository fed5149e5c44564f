// SPDX-License-Identifier: BSD-2-Clause
// An open file description (open(2)), and a process's table of descriptors for them.
#pragma once

#include <services/node.hpp>

namespace still::services {

constexpr u32 o_accmode = 3, o_rdonly = 0, o_wronly = 1, o_rdwr = 2, o_creat = 0100, o_excl = 0200,
              o_noctty = 0400, o_trunc = 01000, o_append = 02000, o_nonblock = 04000, o_dsync = 010000,
              o_async = 020000, o_direct = 040000, o_largefile = 0100000, o_directory = 0200000,
              o_nofollow = 0400000, o_noatime = 01000000, o_cloexec = 02000000, o_sync = 04010000,
              o_path = 010000000, o_tmpfile = 020200000;
constexpr u32 poll_in = 1, poll_pri = 2, poll_out = 4, poll_err = 8, poll_hup = 0x10, poll_nval = 0x20,
              poll_rdnorm = 0x40, poll_wrnorm = 0x100;

// What an open file does. offset: where; nullptr for files that have no places.
struct FileOps {
    Result<u64> (*read)(OpenFile& file, const Buffer& to, u64 bytes, u64 offset) = nullptr;
    Result<u64> (*write)(OpenFile& file, const Buffer& from, u64 bytes, u64 offset) = nullptr;
    u32 (*poll)(OpenFile& file) = nullptr;
    Result<u64> (*ioctl)(OpenFile& file, u32 request, u64 argument) = nullptr;
    void (*close)(OpenFile& file) = nullptr;
    bool seekable = false;
    // For /proc/self/fd of what has no name: "pipe", "anon_inode:[eventpoll]".
    const char* label = nullptr;
    // ns of the monotonic clock at which it becomes ready by itself.
    u64 (*due)(OpenFile& file) = nullptr;
    // A number that is another one after whatever makes it ready once more, for edge-triggered epoll(7).
    u64 (*activity)(OpenFile& file) = nullptr;
};

class OpenFile {
  public:
    OpenFile(NodeRef its_node, u32 its_flags) : node(std::move(its_node)), flags(its_flags) {}
    void retain() { refs_.fetch_add(1, std::memory_order_relaxed); }
    void release();
    [[nodiscard]] bool may_read() const
    {
        return (flags.load() & (o_path | o_accmode)) != o_wronly && (flags.load() & o_path) == 0;
    }
    [[nodiscard]] bool may_write() const
    {
        return (flags.load() & o_accmode) != o_rdonly && (flags.load() & o_path) == 0;
    }
    [[nodiscard]] bool is_nonblocking() const { return (flags.load() & o_nonblock) != 0; }

    NodeRef node;
    std::atomic<u32> flags;
    const FileOps* ops = nullptr;
    std::atomic<u64> offset{0};
    Mutex position; // of those that read and write where the last one ended
    void* state = nullptr;
    u64 number = 0;           // the kind's own
    u32 owner = 0;            // F_SETOWN
    u32 lock_kind = 0;        // not 0: has or had locks of its own (file_locks.cpp)
    void* watchers = nullptr; // epoll.cpp's

  private:
    ~OpenFile() = default;
    friend void destroy<OpenFile>(OpenFile*);
    std::atomic<u32> refs_{1};
};

using FileRef = Ref<OpenFile>;

// A new description of the node, opened by what it is. May wait (a fifo).
Result<FileRef> open_node(const NodeRef& node, u32 flags);
// One without a name, of that kind.
Result<FileRef> open_anonymous(const FileOps& ops, u32 flags, u32 mode = mode_anonymous | 0600);

constexpr u32 max_descriptors = 1024 * 64;

// The descriptors of a process, or of several (CLONE_FILES with vfork).
class Descriptors {
  public:
    void retain() { refs_.fetch_add(1, std::memory_order_relaxed); }
    void release();
    // badf: there is none of that number.
    Result<FileRef> get(u64 fd) EXCLUDES(lock_);
    // The lowest free one that is at least from. mfile: none below limit.
    Result<u32> add(const FileRef& file, bool close_on_exec, u32 from, u64 limit) EXCLUDES(lock_);
    // At that place; what was there is closed.
    Status put(u32 fd, const FileRef& file, bool close_on_exec, u64 limit) EXCLUDES(lock_);
    Result<FileRef> remove(u64 fd) EXCLUDES(lock_);
    Result<bool> closes_on_exec(u64 fd) EXCLUDES(lock_);
    Status set_close_on_exec(u64 fd, bool on) EXCLUDES(lock_);
    // The first that is in use at or behind fd, or -1.
    [[nodiscard]] i64 next_used(u64 fd) EXCLUDES(lock_);
    void close_range(u64 first, u64 last, bool only_on_exec, bool only_mark) EXCLUDES(lock_);
    // For a new process; nullptr: no memory.
    Descriptors* copy() EXCLUDES(lock_);

  private:
    struct Descriptor {
        OpenFile* file = nullptr; // a reference
        bool close_on_exec = false;
    };
    static constexpr u32 per_page = page_size / sizeof(Descriptor);
    static constexpr u32 num_pages = max_descriptors / per_page;
    Descriptor* find(u64 fd) REQUIRES(lock_);
    Descriptor* room_for(u32 fd) REQUIRES(lock_);
    ~Descriptors();
    friend void destroy<Descriptors>(Descriptors*);

    SpinLock lock_;
    std::atomic<u32> refs_{1};
    Descriptor* pages_[num_pages] GUARDED_BY(lock_) = {};
};

} // namespace still::services
