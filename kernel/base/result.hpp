// SPDX-License-Identifier: BSD-2-Clause
// Errors as values. Errno becomes -errno in one place: the system call dispatcher.
#pragma once

#include <base/types.hpp>
#include <expected>

namespace still {

// Linux's numbers (errno(3)), as far as the LWK gives them itself.
enum class Errno : i32 {
    perm = 1,
    noent = 2,
    srch = 3,
    intr = 4,
    io = 5,
    nxio = 6,
    toobig = 7,
    noexec = 8,
    badf = 9,
    child = 10,
    again = 11,
    nomem = 12,
    acces = 13,
    fault = 14,
    busy = 16,
    exist = 17,
    xdev = 18,
    nodev = 19,
    notdir = 20,
    isdir = 21,
    inval = 22,
    nfile = 23,
    mfile = 24,
    notty = 25,
    txtbsy = 26,
    fbig = 27,
    nospc = 28,
    spipe = 29,
    rofs = 30,
    mlink = 31,
    pipe = 32,
    range = 34,
    deadlk = 35,
    nametoolong = 36,
    nosys = 38,
    notempty = 39,
    loop = 40,
    nodata = 61,
    overflow = 75,
    notsock = 88,
    noprotoopt = 92,
    socktnosupport = 94,
    opnotsupp = 95,
    afnosupport = 97,
    isconn = 106,
    timedout = 110,
    restart = 512, // internal: the call must be made again; never reaches a program
};

template <class T> using Result = std::expected<T, Errno>;
using Status = std::expected<void, Errno>;
constexpr std::unexpected<Errno> fail(Errno e)
{
    return std::unexpected<Errno>(e);
}

} // namespace still

// Value of a Result, or return its error from the enclosing function.
#define TRY(expr)                                                                                            \
    ({                                                                                                       \
        auto&& still_try_result = (expr);                                                                    \
        if (!still_try_result) [[unlikely]]                                                                  \
            return ::std::unexpected(still_try_result.error());                                              \
        *::std::move(still_try_result);                                                                      \
    })
#define TRY_STATUS(expr)                                                                                     \
    do {                                                                                                     \
        if (auto still_try_status = (expr); !still_try_status) [[unlikely]]                                  \
            return ::std::unexpected(still_try_status.error());                                              \
    } while (0)
