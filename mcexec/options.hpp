// SPDX-License-Identifier: BSD-2-Clause
// mcexec's own command line, which ends where the program's begins. Pure.
#pragma once

#include "ihk/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace still::mcexec {

struct Options {
    uint32_t os = 0;
    bool os_given = false;               // else the environment may say which (choose_instance)
    std::vector<uint32_t> cpus;          // LWK CPUs; empty: all
    std::optional<uint32_t> ranks;       // among how many the CPUs are divided; none: as the launcher says
    std::optional<uint32_t> rank;        // none: likewise
    std::optional<std::string> smartmap; // the group whose members see each other; "": the launcher's
    // Set by mcexec itself when it started itself anew to lie higher: what to have again (lie_above_slots()).
    std::optional<uint64_t> personality;
    std::optional<uint32_t> peer_rank; // set by mcexec itself, as is peers, when a member executes a program
    uint32_t peers = 0;
    uint64_t memory = 0; // bytes that the process may have; 0: as the instance says
    bool stats = false;
    bool help = false;
    std::optional<uint32_t> poll_us;
    // Set by mcexec itself when it started itself anew with a bounded stack (stack_limit()).
    std::optional<uint64_t> stack_limit;
    // Set by mcexec itself when the program calls execve: the file to run, as it was named there. Then
    // PROGRAM is argv[0] for it, and may be missing.
    std::optional<std::string> exec;
    std::optional<uint64_t> blocked; // likewise: the program's signal mask
    std::optional<int> close_fd; // likewise: what the path of exec goes through; of no use once that is open
    uint64_t cpu_ns = 0;         // likewise: the CPU time that it has used
    int program = 0;             // index of PROGRAM in argv
};

[[nodiscard]] ihk::Result<Options> parse_options(int argc, const char* const* argv);

// What no option says: STILLCORE_OS, if it is set. value: nullptr if it is not.
[[nodiscard]] ihk::Result<> choose_instance(Options& options, const char* value);

extern const char* const usage;

} // namespace still::mcexec
