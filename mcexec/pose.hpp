// SPDX-License-Identifier: BSD-2-Clause
// For a core file every proxy thread takes on the registers of its thread of the program, and stays so until Linux has
// written the file.
#pragma once

namespace still::mcexec {

// Has all other threads pose, and waits until they do; one that can't be had keeps its own registers.
void have_all_others_pose();

// For the interrupt signal's handler, in such a thread.
[[nodiscard]] bool core_is_wanted();
[[noreturn]] void pose();

} // namespace still::mcexec
