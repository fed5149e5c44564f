// SPDX-License-Identifier: BSD-2-Clause
// /dev/ihk and /dev/ihkN as objects. Each operation either did all of it or nothing.
#pragma once

#include "ihk/error.hpp"
#include "ihk/parse.hpp"

#include <stillcore/ioctl_admin.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace still::ihk {

class FileHandle {
  public:
    FileHandle() = default;
    explicit FileHandle(int fd) : fd_(fd) {}
    FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileHandle& operator=(FileHandle&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle();

    [[nodiscard]] int get() const { return fd_; }
    // Gives the descriptor up: the caller closes it.
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

// /dev/ihk: the machine's partition.
class Device {
  public:
    [[nodiscard]] static Result<Device> open();

    [[nodiscard]] Result<> reserve_cpus(const std::vector<uint32_t>& cpus);
    [[nodiscard]] Result<> release_cpus(const std::vector<uint32_t>& cpus);
    // Reserved and not assigned to an instance.
    [[nodiscard]] Result<std::vector<uint32_t>> query_cpus();
    // The answer is what was taken (all@N says how much that is).
    [[nodiscard]] Result<std::vector<MemItem>> reserve_memory(const std::vector<MemItem>& items);
    [[nodiscard]] Result<> release_memory(const std::vector<MemItem>& items);
    [[nodiscard]] Result<std::vector<MemItem>> query_memory();
    [[nodiscard]] Result<uint32_t> create_instance();
    [[nodiscard]] Result<> destroy_instance(uint32_t index);
    [[nodiscard]] Result<std::vector<uint32_t>> instances();
    [[nodiscard]] Result<still_accounts> accounts();

    explicit Device(FileHandle file) : file_(std::move(file)) {}
    int release() { return file_.release(); }

  private:
    FileHandle file_;
};

struct InstanceStatus {
    still_status status{};
    std::vector<still_os_cpu> cpus;
};

// What a dump is made of.
struct DumpSource {
    uint64_t image_phys = 0;
    uint64_t image_bytes = 0;
    uint32_t num_cpus = 0;
    std::vector<still_dump_piece> pieces;
};

// /dev/ihkN: one OS instance.
class Instance {
  public:
    enum class Access { administer, look };
    [[nodiscard]] static Result<Instance> open(uint32_t index, Access access = Access::administer);

    [[nodiscard]] uint32_t index() const { return index_; }
    [[nodiscard]] Result<> assign_cpus(const std::vector<uint32_t>& cpus);
    [[nodiscard]] Result<> release_cpus(const std::vector<uint32_t>& cpus);
    [[nodiscard]] Result<std::vector<uint32_t>> query_cpus();
    [[nodiscard]] Result<> assign_memory(const std::vector<MemItem>& items);
    [[nodiscard]] Result<> release_memory(const std::vector<MemItem>& items);
    [[nodiscard]] Result<std::vector<MemItem>> query_memory();
    [[nodiscard]] Result<> load(std::span<const std::byte> image);
    [[nodiscard]] Result<> set_kargs(const std::string& text);
    // Microseconds from the first CPU's INIT to RUNNING. timeout_ms 0: the module's default.
    [[nodiscard]] Result<uint64_t> boot(uint32_t timeout_ms = 0);
    // True if the LWK acknowledged; false if its CPUs had to be stopped without an answer.
    [[nodiscard]] Result<bool> shutdown(uint32_t timeout_ms = 0);
    [[nodiscard]] Result<InstanceStatus> status();
    // All its processes, at about the same time. None if it does not run.
    [[nodiscard]] Result<std::vector<still_process_query>> processes();
    // Likewise, what memory each has by nodes and by the size of pages.
    [[nodiscard]] Result<std::vector<still_usage_query>> usage();
    // The log from byte number `from` on, which is advanced to where the answer ends.
    [[nodiscard]] Result<std::string> kmsg(uint64_t& from);
    [[nodiscard]] Result<> clear_kmsg();
    [[nodiscard]] Result<> inject(uint32_t what);
    // Forgets the contents of files that it keeps in free memory.
    [[nodiscard]] Result<> drop_cache();
    // In the order of its CPUs; now: who serves them at this moment, which differs while a server is offline.
    [[nodiscard]] Result<std::vector<IkcRoute>> ikc_map(std::vector<IkcRoute>* now = nullptr);
    // CPUs that are not named stay as they are.
    [[nodiscard]] Result<> set_ikc_map(const std::vector<IkcRoute>& routes);
    // Calls that Linux has not finished.
    [[nodiscard]] Result<std::vector<still_waiting_call>> waiting_calls();
    [[nodiscard]] Result<> freeze();
    [[nodiscard]] Result<> thaw();
    // For a dump: the CPUs stand still until the end of the hold or of the open file. Returns how many do.
    [[nodiscard]] Result<uint32_t> hold();
    void end_hold();
    [[nodiscard]] Result<DumpSource> dump_source();
    [[nodiscard]] Result<> dump_read(uint64_t phys, std::span<std::byte> to);

    Instance(FileHandle file, uint32_t index) : file_(std::move(file)), index_(index) {}
    int release() { return file_.release(); }

  private:
    Result<> cpus_changed(Result<> done);

    FileHandle file_;
    uint32_t index_ = 0;
};

[[nodiscard]] const char* state_name(uint32_t state);

} // namespace still::ihk
