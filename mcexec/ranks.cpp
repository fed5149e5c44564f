// SPDX-License-Identifier: BSD-2-Clause
#include "ranks.hpp"

#include "ihk/parse.hpp"

#include <stillcore/peers.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <optional>
#include <tuple>

namespace still::mcexec {

namespace {

struct Launcher {
    const char* rank;
    const char* size;
};

constexpr Launcher launchers[] = {
    {"OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"}, // Open MPI
    {"MPI_LOCALRANKID", "MPI_LOCALNRANKS"},                       // MPICH's hydra
};

std::optional<Part> launched_as(const std::function<const char*(const char*)>& environment)
{
    for (const Launcher& launcher : launchers) {
        const char* const rank_text = environment(launcher.rank);
        const char* const size_text = environment(launcher.size);
        if (rank_text == nullptr || size_text == nullptr) {
            continue;
        }
        const auto rank = ihk::parse_decimal(rank_text);
        const auto size = ihk::parse_decimal(size_text);
        if (rank && size && *rank < *size && *size <= UINT32_MAX) {
            return Part{static_cast<uint32_t>(*rank), static_cast<uint32_t>(*size)};
        }
    }
    return std::nullopt;
}

using Cpus = std::vector<uint32_t>;

class Divider {
  public:
    explicit Divider(const std::vector<ihk::CpuPlace>& places) : places_(places) {}

    // level: 0 divides nodes, 1 cores, 2 CPUs.
    Cpus share(const Cpus& cpus, Part part, int level) const
    {
        if (part.size == 1 || cpus.empty()) {
            return cpus;
        }
        const std::vector<Cpus> groups = grouped(cpus, level);
        const auto count = groups.size();
        if (part.size <= count) {
            Cpus mine;
            for (size_t i = count * part.rank / part.size; i < count * (part.rank + 1) / part.size; ++i) {
                mine.insert(mine.end(), groups[i].begin(), groups[i].end());
            }
            return mine;
        }
        // Several ranks to a group, by how many CPUs it has, but one at least.
        size_t before = 0;
        uint32_t first = 0;
        for (size_t i = 0; i < count; ++i) {
            before += groups[i].size();
            const auto others = static_cast<uint32_t>(count - 1 - i);
            const auto fair = static_cast<uint32_t>(before * part.size / cpus.size());
            const uint32_t end = others == 0 ? part.size : std::clamp(fair, first + 1, part.size - others);
            if (part.rank < end) {
                return level == 2 ? groups[i] : share(groups[i], {part.rank - first, end - first}, level + 1);
            }
            first = end;
        }
        return cpus; // not reached: the last group ends with the last rank
    }

  private:
    uint64_t key(uint32_t cpu, int level) const
    {
        return level == 0 ? places_[cpu].node : level == 1 ? places_[cpu].core : cpu;
    }

    // cpus are in the order of node, core and number: what belongs together is together.
    std::vector<Cpus> grouped(const Cpus& cpus, int level) const
    {
        std::vector<Cpus> groups;
        for (const uint32_t cpu : cpus) {
            if (groups.empty() || key(groups.back().back(), level) != key(cpu, level)) {
                groups.emplace_back();
            }
            groups.back().push_back(cpu);
        }
        return groups;
    }

    const std::vector<ihk::CpuPlace>& places_;
};

} // namespace

ihk::Result<Part> part_of(const Options& options, const std::function<const char*(const char*)>& environment)
{
    if (options.ranks && (options.rank || *options.ranks == 1)) {
        return Part{options.rank.value_or(0), *options.ranks};
    }
    // A program that executes another hands its CPUs on.
    if (!options.ranks && (options.exec || !options.cpus.empty())) {
        return Part{};
    }
    const auto launched = launched_as(environment);
    if (!options.ranks) {
        return launched.value_or(Part{});
    }
    if (!launched) {
        return ihk::fail(EINVAL, "-n: which rank this is no launcher says in the environment",
                         "say it with --rank R");
    }
    if (launched->rank >= *options.ranks) {
        return ihk::fail(EINVAL, "-n: the launcher started more ranks than that");
    }
    return Part{launched->rank, *options.ranks};
}

ihk::Result<Part> peer_of(const Options& options, const std::function<const char*(const char*)>& environment)
{
    if (options.peer_rank) {
        return Part{*options.peer_rank, options.peers};
    }
    const auto launched = launched_as(environment);
    Part part{STILL_PEERS_ANY_RANK, 0};
    if (options.ranks && (options.rank || !launched)) {
        part = {options.rank.value_or(0), *options.ranks};
    } else if (launched) {
        part = *launched;
    }
    if (part.size > STILL_MAX_PEERS) {
        return ihk::fail(EINVAL,
                         fmt::format("--smartmap: at most {} processes see each other", STILL_MAX_PEERS));
    }
    return part;
}

std::string group_of(const Options& options, int parent,
                     const std::function<const char*(const char*)>& environment)
{
    if (!options.smartmap->empty()) {
        return *options.smartmap;
    }
    const char* const job = environment("PMIX_NAMESPACE"); // Open MPI's
    const std::string name =
        job != nullptr && *job != 0 ? fmt::format("job {}", job) : fmt::format("of {}", parent);
    return name.substr(0, STILL_PEERS_NAME - 1);
}

std::vector<uint32_t> share_of(const std::vector<ihk::CpuPlace>& places, const std::vector<uint32_t>& wanted,
                               Part part)
{
    Cpus cpus = wanted;
    if (wanted.empty()) {
        cpus.resize(places.size());
        std::iota(cpus.begin(), cpus.end(), 0u);
    }
    if (std::any_of(cpus.begin(), cpus.end(), [&](uint32_t cpu) { return cpu >= places.size(); })) {
        return cpus; // the LWK says that it has no such CPU
    }
    std::sort(cpus.begin(), cpus.end(), [&](uint32_t a, uint32_t b) {
        return std::tuple(places[a].node, places[a].core, a) < std::tuple(places[b].node, places[b].core, b);
    });
    Cpus mine = Divider(places).share(cpus, part, 0);
    std::sort(mine.begin(), mine.end());
    return mine;
}

} // namespace still::mcexec
