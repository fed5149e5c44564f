// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <services/client.hpp>

namespace still::services {

extern const FileOps terminal_ops;
// The terminal is that client's session's.
void start_terminal(const Client& leader);
[[nodiscard]] bool has_terminal(const Client& client);
[[nodiscard]] u32 terminal_group();

} // namespace still::services
