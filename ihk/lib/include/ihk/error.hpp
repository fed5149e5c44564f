// SPDX-License-Identifier: BSD-2-Clause
// What every operation of libihk answers with: a value, or what was wrong and what to do about it.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace still::ihk {

struct Error {
    int number = 0;      // errno's value
    std::string message; // what was wrong, with the offending value in it
    std::string hint;    // what to do; may be empty
};

template <typename T = void> using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(int number, std::string message, std::string hint = {})
{
    return std::unexpected(Error{number, std::move(message), std::move(hint)});
}

} // namespace still::ihk
