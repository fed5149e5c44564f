// SPDX-License-Identifier: BSD-2-Clause
// What the compiler calls behind our back in a freestanding image (GCC manual, "Standards").
// Word-wise loops would be turned into calls of themselves, so these are string instructions.
#include <base/types.hpp>

// libc's headers declare these with attributes that must not matter here.
#pragma GCC diagnostic ignored "-Wmissing-declarations"

extern "C" {

// Eight bytes a step: as fast as bytes where the CPU moves strings by cache lines, and much faster elsewhere.
void* memcpy(void* to, const void* from, std::size_t n)
{
    void* start = to;
    std::size_t words = n / 8;
    std::size_t rest = n % 8;
    // SAFETY: copies exactly n bytes between the caller's objects; DF is clear by the ABI.
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest)::"memory");
    return start;
}

void* memset(void* to, int value, std::size_t n)
{
    void* start = to;
    std::size_t words = n / 8;
    std::size_t rest = n % 8;
    const std::uint64_t pattern = 0x0101010101010101ull * static_cast<unsigned char>(value);
    // SAFETY: writes exactly n bytes of the caller's object.
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return start;
}

void* memmove(void* to, const void* from, std::size_t n)
{
    auto* dst = static_cast<unsigned char*>(to);
    const auto* src = static_cast<const unsigned char*>(from);
    if (dst <= src || dst >= src + n)
        return memcpy(to, from, n);
    dst += n - 1;
    src += n - 1;
    // SAFETY: backwards copy for overlapping objects; DF is cleared again before returning.
    asm volatile("std; rep movsb; cld" : "+D"(dst), "+S"(src), "+c"(n)::"memory");
    return to;
}

int memcmp(const void* a, const void* b, std::size_t n)
{
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n != 0; --n, ++x, ++y)
        if (*x != *y)
            return *x - *y;
    return 0;
}

std::size_t strlen(const char* s)
{
    std::size_t n = 0;
    while (s[n] != '\0')
        ++n;
    return n;
}

const void* memchr(const void* s, int c, std::size_t n)
{
    const auto* p = static_cast<const unsigned char*>(s);
    for (; n != 0; --n, ++p)
        if (*p == static_cast<unsigned char>(c))
            return p;
    return nullptr;
}

// No static object is ever destroyed.
int __cxa_atexit(void (*)(void*), void*, void*)
{
    return 0;
}
void* __dso_handle = nullptr;

[[noreturn]] void still_abort(const char* what);
[[noreturn]] void abort()
{
    still_abort("abort()");
}
[[noreturn]] void __cxa_pure_virtual()
{
    still_abort("pure virtual call");
}

} // extern "C"

void operator delete(void*) noexcept
{
    still_abort("operator delete");
}
void operator delete(void*, std::size_t) noexcept
{
    still_abort("operator delete");
}
