// SPDX-License-Identifier: BSD-2-Clause
// The CPUs of Linux that serve those of the instance: the IKC map.
#pragma once

#include "options.hpp"

namespace still::mcexec {

// Where the administrator has said which of Linux's CPUs serve the program's, the proxy stays on those.
void follow_ikc_map(const Options& options);

} // namespace still::mcexec
