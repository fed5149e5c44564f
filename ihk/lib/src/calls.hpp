// SPDX-License-Identifier: BSD-2-Clause
// How an ioctl's failure becomes words: the module's own where it has some, else what errno says.
#pragma once

#include "ihk/error.hpp"

#include <cerrno>
#include <string>
#include <sys/ioctl.h>

namespace still::ihk {

[[nodiscard]] Error describe(int number, const std::string& what, const char* text);

template <typename T> Result<> call(int fd, unsigned long request, T& argument, const std::string& what)
{
    if (ioctl(fd, request, &argument) < 0) {
        return std::unexpected(describe(errno, what, argument.text));
    }
    return {};
}

} // namespace still::ihk
