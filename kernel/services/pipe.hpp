// SPDX-License-Identifier: BSD-2-Clause
// Pipes and fifos (pipe(7)).
#pragma once

#include <services/open_file.hpp>

namespace still::services {

class Pipe {
  public:
    static constexpr u64 capacity = 64 * KiB, atomic_bytes = 4096;
    explicit Pipe(u8* ring) : ring_(ring) {}
    static Pipe* make_pipe(); // nullptr: no memory
    ~Pipe();
    Result<u64> read(const Buffer& to, u64 bytes, bool wait);
    // signals: SIGPIPE where nobody reads.
    Result<u64> write(const Buffer& from, u64 bytes, bool wait, bool signals = true);
    [[nodiscard]] u32 poll(bool reads, bool writes) const;
    [[nodiscard]] u64 filled() const { return tail_.load() - head_.load(); }
    [[nodiscard]] u64 activity() const
    {
        return tail_.load() + head_.load() + writers_.load() + readers_.load();
    }
    // An end comes, or goes with its description.
    // The peers that a new end found, at one moment: is there one, and how many there ever were.
    struct Peers {
        bool are_there;
        u32 ever;
    };
    Peers join(bool reads, bool writes) EXCLUDES(ends_);
    void leave(bool reads, bool writes);
    Status wait_for_peer(bool reads, const Peers& found);
    [[nodiscard]] bool has_readers() const { return readers_.load() != 0; }
    [[nodiscard]] bool has_writers() const { return writers_.load() != 0; }

  private:
    [[nodiscard]] u64 room() const { return capacity - filled(); }

    u8* const ring_;
    Mutex reading_, writing_;
    WaitQueue changed_;
    SpinLock ends_;
    std::atomic<u64> head_{0}, tail_{0};
    std::atomic<u32> readers_{0}, writers_{0};
    std::atomic<u32> reader_count_{0}, writer_count_{0}; // ever opened
};

// What a write gets where nobody reads: EPIPE, and SIGPIPE.
Result<u64> broken_pipe(bool signals);
extern const FileOps pipe_ops;
// What open(2) of a fifo does.
Status open_fifo(OpenFile& file);
// Both ends of a new one.
struct PipeEnds {
    FileRef reads, writes;
};
Result<PipeEnds> make_pipe(u32 flags);

} // namespace still::services
