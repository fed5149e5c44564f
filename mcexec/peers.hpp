// SPDX-License-Identifier: BSD-2-Clause
// SMARTMAP: the group that the program is to be a member of (stillcore/peers.h).
#pragma once

#include "options.hpp"
#include "stack_image.hpp"

#include <stillcore/ioctl_proc.h>

#include <vector>

namespace still::mcexec {

// Of a member mcexec itself lies as high as can be, above all slots: it starts itself anew without random layout.
[[nodiscard]] ihk::Result<> lie_above_slots(const Options& options, int argc, char** argv);
// In that one, once its layout is settled: programs that it starts are laid out as ever.
void restore_personality(const Options& options);
// Once the device is open: do the slots lie among the addresses that Linux's programs have? Then a member has only the
// lowest of them, and mcexec has the slots mapped.
[[nodiscard]] ihk::Result<bool> has_near_slots(const Options& options);
[[nodiscard]] ihk::Result<> ask_for_peers(const Options& options, still_proc_create& request);
// The LWK has made it a member: for the next program that this process executes.
void keep_peers(const still_proc_create& created);
// Nothing, if it is none.
void add_peers(std::vector<AuxEntry>& aux);
void add_peers(std::vector<std::string>& options_of_mcexec);
[[nodiscard]] ihk::Error no_place_among_peers(const still_proc_create& request);

} // namespace still::mcexec
