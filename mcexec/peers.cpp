// SPDX-License-Identifier: BSD-2-Clause
#include "peers.hpp"

#include "process.hpp"
#include "ranks.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/personality.h>
#include <unistd.h>

namespace still::mcexec {

ihk::Result<> lie_above_slots(const Options& options, int argc, char** argv)
{
    constexpr unsigned long question = 0xffffffff;
    const int now = personality(question);
    if (!options.smartmap || options.personality || (now & ADDR_NO_RANDOMIZE) != 0) {
        return {};
    }
    if (personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) < 0) {
        return ihk::fail(errno, "cannot have mcexec laid out above the slots of its peers");
    }
    const std::string before = fmt::format("--personality={}", now);
    std::vector<char*> longer{argv[0], const_cast<char*>(before.c_str())}; // SAFETY: execv() does not write
    longer.insert(longer.end(), argv + 1, argv + argc + 1);
    execv("/proc/self/exe", longer.data());
    return ihk::fail(errno, fmt::format("cannot start /proc/self/exe again: {}", strerror(errno)));
}

void restore_personality(const Options& options)
{
    if (options.personality) {
        personality(*options.personality);
    }
}

ihk::Result<bool> has_near_slots(const Options& options)
{
    if (!options.smartmap) {
        return false;
    }
    still_status status{};
    if (const int result = process.device.status(status); result < 0) {
        return ihk::fail(-result, "the module does not tell where slots lie");
    }
    process.peers_shift = status.peers_shift;
    return status.peers_shift == STILL_PEERS_SHIFT;
}

ihk::Result<> ask_for_peers(const Options& options, still_proc_create& request)
{
    if (!options.smartmap) {
        return {};
    }
    const auto part = peer_of(options, getenv);
    if (!part) {
        return std::unexpected(part.error());
    }
    const std::string name = group_of(options, getppid(), getenv);
    memcpy(request.peers_name, name.c_str(), name.size());
    request.peers_rank = part->rank;
    request.peers_size = part->size;
    return {};
}

void keep_peers(const still_proc_create& created)
{
    if (created.peers_name[0] == 0) {
        return;
    }
    process.options.smartmap = std::string(created.peers_name);
    process.options.peer_rank = created.peers_rank;
    process.options.peers = created.peers_size;
    process.member = getpid();
}

void add_peers(std::vector<AuxEntry>& aux)
{
    if (process.member != 0) {
        aux.push_back({STILL_AT_PEERS_RANK, *process.options.peer_rank});
        aux.push_back({STILL_AT_PEERS_SIZE, process.options.peers});
        aux.push_back({STILL_AT_PEERS_SHIFT, process.peers_shift});
    }
}

void add_peers(std::vector<std::string>& options_of_mcexec)
{
    if (process.member != 0 && process.member == getpid()) {
        options_of_mcexec.push_back(fmt::format("--smartmap={}", *process.options.smartmap));
        options_of_mcexec.push_back(
            fmt::format("--peer={}/{}", *process.options.peer_rank, process.options.peers));
    }
}

ihk::Error no_place_among_peers(const still_proc_create& request)
{
    return {EBUSY,
            fmt::format("the group '{}' has a process of that rank already, or as many as there can be",
                        request.peers_name),
            "give the group another name: --smartmap=NAME"};
}

} // namespace still::mcexec
