// SPDX-License-Identifier: BSD-2-Clause
// Where a read or write puts its bytes or gets them from: the program's memory, or the kernel's.
#pragma once

#include <exec/user_memory.hpp>

namespace still::services {

class Buffer {
  public:
    static Buffer of_user(u64 address) { return Buffer(address, false); }
    static Buffer of_kernel(void* p) { return Buffer(reinterpret_cast<u64>(p), true); }
    static Buffer of_kernel(const void* p) { return Buffer(reinterpret_cast<u64>(p), true); }

    // How many of so many bytes, from the front, the program has there and may write to.
    [[nodiscard]] u64 writable(u64 bytes) const;
    [[nodiscard]] Buffer operator+(u64 bytes) const { return Buffer(address_ + bytes, kernel_); }
    // SAFETY (all three): a kernel buffer was made from a pointer to as many bytes as its user says.
    Status put(u64 at, const void* from, u64 bytes) const
    {
        if (!kernel_)
            return copy_to_user(address_ + at, from, bytes);
        __builtin_memcpy(reinterpret_cast<void*>(address_ + at), from, bytes);
        return {};
    }
    Status put_zeros(u64 at, u64 bytes) const
    {
        if (!kernel_)
            return clear_user(address_ + at, bytes);
        __builtin_memset(reinterpret_cast<void*>(address_ + at), 0, bytes);
        return {};
    }
    Status get(u64 at, void* to, u64 bytes) const
    {
        if (!kernel_)
            return copy_from_user(to, address_ + at, bytes);
        __builtin_memcpy(to, reinterpret_cast<const void*>(address_ + at), bytes);
        return {};
    }

  private:
    Buffer(u64 address, bool kernel) : address_(address), kernel_(kernel) {}
    u64 address_;
    bool kernel_;
};

} // namespace still::services
