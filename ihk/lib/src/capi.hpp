// SPDX-License-Identifier: BSD-2-Clause
// What the functions of ihk.h are made of.
#pragma once

#include "ihk.h"

#include "ihk/device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <type_traits>
#include <unistd.h>

namespace still::ihk::c {

inline int report(const Error& error, ihk_error* out)
{
    if (out != nullptr) {
        snprintf(out->message, sizeof out->message, "%s", error.message.c_str());
        snprintf(out->hint, sizeof out->hint, "%s", error.hint.c_str());
    }
    return -(error.number != 0 ? error.number : EIO);
}

// By its device's name; for the words of errors only.
inline uint32_t index_of(int fd)
{
    char name[64]{};
    unsigned index = 0;
    if (readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), name, sizeof name - 1) > 0) {
        sscanf(name, "/dev/ihk%u", &index);
    }
    return index;
}

// An object made of a descriptor that stays the caller's.
template <typename Object> struct Loan {
    Object object;
    ~Loan() { object.release(); }
};

// Borrows the descriptor for one call. No exception leaves the library.
template <typename Object, typename Work>
auto borrow(int fd, ihk_error* error, Work work) -> decltype(work(std::declval<Object&>()))
{
    try {
        if constexpr (std::is_same_v<Object, Device>) {
            Loan<Device> loan{Device{FileHandle(fd)}};
            return work(loan.object);
        } else {
            Loan<Instance> loan{Instance{FileHandle(fd), index_of(fd)}};
            return work(loan.object);
        }
    } catch (const std::exception& exception) {
        return report(Error{ENOMEM, exception.what(), {}}, error);
    }
}

// Fills in at most space entries; the answer is how many there are.
template <typename Item, typename Out, typename Make>
int give(const Result<std::vector<Item>>& result, Out* out, size_t space, ihk_error* error, Make make)
{
    if (!result) {
        return report(result.error(), error);
    }
    for (size_t i = 0; i < std::min(space, result->size()); ++i) {
        out[i] = make((*result)[i]);
    }
    return static_cast<int>(result->size());
}

} // namespace still::ihk::c
