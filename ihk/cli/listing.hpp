// SPDX-License-Identifier: BSD-2-Clause
// Lists of CPUs and memory, as queries print them: in the grammar of the tools, or as JSON.
#pragma once

#include "ihk/device.hpp"

namespace still::cli {

// One word, or {key: word}.
void print_word(const char* key, const char* word, bool json);
int print_cpus(const ihk::Result<std::vector<uint32_t>>& cpus, bool json);
// What the module took since it was loaded, gave back, and holds.
int print_accounts(const ihk::Result<still_accounts>& accounts, bool json);
int print_memory(const ihk::Result<std::vector<ihk::MemItem>>& items, bool json);
int print_ikc_map(ihk::Instance& os, bool json);

} // namespace still::cli
