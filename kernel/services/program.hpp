// SPDX-License-Identifier: BSD-2-Clause
// execve(2): from a path to a process that is ready to run.
#pragma once

#include <services/client.hpp>

namespace still::services {

// Arguments or environment: strings, one behind the other, each with its NUL.
class Strings {
  public:
    Strings() = default;
    ~Strings() { drop(); }
    Strings(const Strings&) = delete;
    Strings& operator=(const Strings&) = delete;
    Status append(std::string_view text);
    // The strings that a program's list of pointers leads to; 0: none.
    Status append_user(u64 list);
    Status append_all(const Strings& others, u32 skip);
    [[nodiscard]] u32 count() const { return count_; }
    [[nodiscard]] u64 bytes() const { return used_; }
    [[nodiscard]] const char* data() const { return room_; }
    void swap(Strings& other);

  private:
    Status reserve(u64 more);
    void drop();
    char* room_ = nullptr;
    u64 size_ = 0;
    u64 used_ = 0;
    u32 count_ = 0;
};

struct ExecRequest {
    Path path;
    NodeRef start; // where a relative path starts
    bool follow = true;
    NodeRef node; // set: the program itself, without a path (fexecve)
    Strings arguments, environment;
    Text execfn; // as the program sees its own name
};

// What a new program begins with.
struct Prepared {
    Image* image = nullptr;
    Process* lwk = nullptr;
    u64 entry = 0, stack = 0;
};

// Makes the process, with its memory; the client is as it was but for what describes its program (adopt).
Result<Prepared> prepare_program(Client& client, ExecRequest& request);
void discard(Prepared& prepared); // it is not to run

// STILL_CALL_EXEC; comes back only with an error.
Status execute(Client& client, const u64 (&arg)[6]);

// A number for a file that is to be mapped (STILL_CALL_MAP_FILE).
Result<u32> add_file_handle(Image& image, const NodeRef& node);

} // namespace still::services
