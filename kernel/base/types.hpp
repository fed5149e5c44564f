// SPDX-License-Identifier: BSD-2-Clause
// Distinct types for what is an integer in the machine but must not be mixed up.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace still {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

constexpr u64 KiB = 1024;
constexpr u64 MiB = 1024 * KiB;
constexpr u64 GiB = 1024 * MiB;

constexpr u64 page_size = 4 * KiB;
constexpr u64 page_size_2m = 2 * MiB;
constexpr u64 page_size_1g = 1 * GiB;

// An address in one particular space; only differences and alignment cross over to plain integers.
template <class Tag> class Address {
  public:
    constexpr Address() = default;
    explicit constexpr Address(u64 value) : value_(value) {}
    [[nodiscard]] constexpr u64 raw() const { return value_; }
    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(u64 bytes) const { return Address(value_ + bytes); }
    constexpr Address operator-(u64 bytes) const { return Address(value_ - bytes); }
    constexpr u64 operator-(Address other) const { return value_ - other.value_; }
    constexpr Address& operator+=(u64 bytes)
    {
        value_ += bytes;
        return *this;
    }
    [[nodiscard]] constexpr Address align_down(u64 to) const { return Address(value_ & ~(to - 1)); }
    // Caller makes sure that value + to does not wrap.
    [[nodiscard]] constexpr Address align_up(u64 to) const { return Address((value_ + to - 1) & ~(to - 1)); }
    [[nodiscard]] constexpr bool aligned(u64 to) const { return (value_ & (to - 1)) == 0; }

  private:
    u64 value_ = 0;
};

using PhysAddr = Address<struct PhysTag>; // physical memory
using VirtAddr = Address<struct VirtTag>; // kernel virtual memory
using UserAddr = Address<struct UserTag>; // user virtual memory; never dereferenced directly

// A small number that names something: CPUs and nodes don't mix.
template <class Tag> struct Id {
    u32 value = 0;
    constexpr Id() = default;
    explicit constexpr Id(u32 v) : value(v) {}
    constexpr auto operator<=>(const Id&) const = default;
};

using CpuId = Id<struct CpuTag>;   // LWK CPU number, 0..n-1
using NodeId = Id<struct NodeTag>; // NUMA node as Linux numbers it

struct UserRange {
    UserAddr start;
    UserAddr end; // exclusive
    [[nodiscard]] constexpr u64 size() const { return end - start; }
    [[nodiscard]] constexpr bool empty() const { return start >= end; }
    [[nodiscard]] constexpr bool contains(UserAddr a) const { return a >= start && a < end; }
    [[nodiscard]] constexpr bool overlaps(UserRange o) const { return start < o.end && o.start < end; }
};

template <class T> constexpr T min(T a, T b)
{
    return b < a ? b : a;
}
template <class T> constexpr T max(T a, T b)
{
    return a < b ? b : a;
}

} // namespace still
