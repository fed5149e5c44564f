// SPDX-License-Identifier: BSD-2-Clause
// /dev: null, zero, full, random, urandom, and the console.
#pragma once

#include <services/node.hpp>

namespace still::services {

bool make_devices() REQUIRES(names_lock); // false: no memory
[[nodiscard]] bool is_zero_device(const Node& node);
[[nodiscard]] Node* console_node() REQUIRES(names_lock);

} // namespace still::services
