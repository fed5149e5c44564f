// SPDX-License-Identifier: BSD-2-Clause
// Where a program's parts lie in its memory, and what its stack begins with, as Linux lays them out.
#pragma once

#include <services/elf.hpp>
#include <services/peers.hpp>
#include <services/program.hpp>

namespace still::services {

constexpr u64 lowest_program = 0x10000;
constexpr u64 stack_at_start = 128 * KiB; // mapped below the arguments
constexpr u64 personality_no_randomize = 0x40000;

struct Layout {
    Membership member;
    u64 main_bias = 0; // added to the program's addresses
    u64 interpreter_bias = 0;
    u64 brk_start = 0;
    u64 mmap_top = 0;
    u64 stack_start = 0; // as far down it may grow
    u64 stack_top = 0;
    u64 most_arguments = 0; // bytes
    u64 vdso = 0;           // the page of the clock, and the code behind it
};
// Of a member as its addresses are limited. noexec: it is linked to where it can't be; nomem: too large.
Status lay_out(const ElfImage& main, const ElfImage* interpreter, u64 stack_limit, bool random,
               Layout& layout);

class StackText {
  public:
    static constexpr u32 max_aux = 24;
    ~StackText()
    {
        if (room_ != nullptr)
            give_bytes(room_, size_);
    }
    StackText() = default;
    StackText(const StackText&) = delete;
    StackText& operator=(const StackText&) = delete;
    Status reserve(u64 bytes, u64 top);
    u64 push(const void* data, u64 bytes); // downwards; the address
    void push_word(u64 word) { push(&word, sizeof(word)); }
    void align(u64 to) { used_ += (top_ - used_) % to; }
    [[nodiscard]] const u8* bytes() const { return room_ + size_ - used_; }
    [[nodiscard]] u64 size() const { return used_; }

    u64 pointer = 0;
    u64 auxv[2 * max_aux];
    u32 auxv_words = 0;

  private:
    u8* room_ = nullptr;
    u64 size_ = 0;
    u64 used_ = 0;
    u64 top_ = 0;
};
Status build_stack(const ExecRequest& request, const ElfImage& main, const ElfImage* interpreter,
                   const Layout& layout, StackText& out);

} // namespace still::services
