// SPDX-License-Identifier: BSD-2-Clause
// The contents of a file: pages of its own where it was written, the archive's bytes where it was not, else zeros.
#pragma once

#include <atomic>
#include <base/result.hpp>
#include <base/spin_lock.hpp>
#include <mm/frame.hpp>
#include <services/buffer.hpp>

namespace still::services {

constexpr u64 max_file_bytes = 1ull << 46;

class FileData {
  public:
    FileData() = default;
    ~FileData();
    FileData(const FileData&) = delete;
    FileData& operator=(const FileData&) = delete;

    // The archive's, which stays where it is. Before anybody else sees the file.
    void refer_to(const u8* bytes, u64 size);
    [[nodiscard]] u64 size() const { return size_.load(std::memory_order_relaxed); }
    // Bytes of own pages.
    [[nodiscard]] u64 own_bytes() const { return own_pages_.load(std::memory_order_relaxed) * page_size; }

    // How many bytes were copied: fewer at the end, or where the buffer is not accessible after the first.
    Result<u64> read(u64 offset, const Buffer& to, u64 bytes) EXCLUDES(lock_);
    // Likewise; nospc: no memory.
    Result<u64> write(u64 offset, const Buffer& from, u64 bytes) EXCLUDES(lock_);
    // Pages behind the end are chained, for who may have them mapped to let them go first.
    Status resize(u64 size, FrameChain& unused) EXCLUDES(lock_);
    // The page, made its own; 0: behind the end; nomem. It stays until the file is resized or goes.
    Result<PhysAddr> page_for_mapping(u64 index) EXCLUDES(lock_);
    // A word that stands for the contents (STILL_MSG_FILE_KEY); 0: they may change at any time.
    [[nodiscard]] u64 key() EXCLUDES(lock_);
    // Somebody may write to it without a call from now on.
    void map_writable() EXCLUDES(lock_);

  private:
    Result<PhysAddr*> slot(u64 index, bool make) REQUIRES(lock_);
    Result<PhysAddr> own_page(u64 index) REQUIRES(lock_);
    bool grow_tree(u64 index) REQUIRES(lock_);
    void drop_from(u64 index, FrameChain& unused) REQUIRES(lock_);
    void drop_level(PhysAddr table, u32 height, u64 first, u64 from, FrameChain& unused) REQUIRES(lock_);

    SpinLock lock_;
    const u8* base_ = nullptr;
    u64 base_size_ GUARDED_BY(lock_) = 0; // as much of the archive's as still counts
    std::atomic<u64> size_{0};
    std::atomic<u64> own_pages_{0};
    PhysAddr root_ GUARDED_BY(lock_); // a page, or a table of 512
    u32 height_ GUARDED_BY(lock_) = 0;
    u64 key_ GUARDED_BY(lock_) = 0;
    bool mapped_writable_ GUARDED_BY(lock_) = false;
};

} // namespace still::services
