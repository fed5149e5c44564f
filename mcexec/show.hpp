// SPDX-License-Identifier: BSD-2-Clause
// What ps, top and the like read of a process: the program, not mcexec.
#pragma once

#include "elf_image.hpp"
#include "layout.hpp"
#include "stack_image.hpp"

namespace still::mcexec {

// file: the program's, open. A failure is no reason not to run.
void show_to_linux(int file, const ElfImage& main, const Placement& place, const StackImage& stack);

} // namespace still::mcexec
