// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/machine.hpp"

#include "ihk/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <sstream>

namespace still::ihk {

namespace {

constexpr const char* cpu_folder = "devices/system/cpu/";
constexpr const char* node_folder = "devices/system/node/";

class Builder {
  public:
    explicit Builder(const Machine& machine) : m_(machine), count_(static_cast<uint32_t>(machine.cpus.size()))
    {
    }

    Tree build()
    {
        add_cpus();
        for (uint32_t cpu = 0; cpu < count_; ++cpu) {
            add_topology(cpu);
            add_caches(cpu);
        }
        add_nodes();
        add_cpuinfo();
        return std::move(tree_);
    }

  private:
    using Members = std::vector<uint32_t>;

    void file(const std::string& path, const std::string& text) { tree_[path] = {text, false}; }
    void link(const std::string& path, const std::string& target) { tree_[path] = {target, true}; }

    Members all() const
    {
        Members cpus(count_);
        std::iota(cpus.begin(), cpus.end(), 0u);
        return cpus;
    }
    Members cpus_where(const std::function<bool(const MachineCpu&)>& wanted) const
    {
        Members cpus;
        for (uint32_t cpu = 0; cpu < count_; ++cpu) {
            if (wanted(m_.cpus[cpu])) {
                cpus.push_back(cpu);
            }
        }
        return cpus;
    }
    Members sharing(uint32_t cpu, uint32_t shift) const
    {
        return cpus_where([&](const MachineCpu& other) {
            return static_cast<uint64_t>(other.apic_id) >> shift ==
                   static_cast<uint64_t>(m_.cpus[cpu].apic_id) >> shift;
        });
    }
    uint32_t package_of(uint32_t cpu) const
    {
        return static_cast<uint32_t>(static_cast<uint64_t>(m_.cpus[cpu].apic_id) >> m_.package_shift);
    }
    uint32_t core_of(uint32_t cpu) const
    {
        const uint64_t in_package = m_.cpus[cpu].apic_id & ((1ull << m_.package_shift) - 1);
        return static_cast<uint32_t>(in_package >> m_.thread_shift);
    }

    void add_cpus()
    {
        const std::string folder = cpu_folder;
        for (const char* name : {"online", "possible", "present"}) {
            file(folder + name, sysfs_list(all()));
        }
        for (const char* name : {"offline", "isolated", "nohz_full"}) {
            file(folder + name, "\n");
        }
        file(folder + "kernel_max", fmt::format("{}\n", m_.kernel_max));
        for (const char* name : {"vulnerabilities", "smt", "modalias"}) {
            link(folder + name, fmt::format("/sys/devices/system/cpu/{}", name));
        }
        for (uint32_t cpu = 0; cpu < count_; ++cpu) {
            link(fmt::format("bus/cpu/devices/cpu{}", cpu), fmt::format("../../../{}cpu{}", cpu_folder, cpu));
            link(fmt::format("{}cpu{}/node{}", folder, cpu, m_.cpus[cpu].node),
                 fmt::format("../../node/node{}", m_.cpus[cpu].node));
            if (cpu != 0) {
                file(fmt::format("{}cpu{}/online", folder, cpu), "1\n");
            }
        }
    }

    void add_set(const std::string& path, const Members& cpus)
    {
        file(path, sysfs_mask(cpus, count_));
        file(path + "_list", sysfs_list(cpus));
    }

    void add_topology(uint32_t cpu)
    {
        const std::string folder = fmt::format("{}cpu{}/topology/", cpu_folder, cpu);
        file(folder + "physical_package_id", fmt::format("{}\n", package_of(cpu)));
        file(folder + "die_id", "0\n");
        file(folder + "core_id", fmt::format("{}\n", core_of(cpu)));
        for (const char* name : {"thread_siblings", "core_cpus"}) {
            add_set(folder + name, sharing(cpu, m_.thread_shift));
        }
        for (const char* name : {"core_siblings", "package_cpus", "die_cpus"}) {
            add_set(folder + name, sharing(cpu, m_.package_shift));
        }
    }

    void add_caches(uint32_t cpu)
    {
        for (size_t index = 0; index < m_.caches.size(); ++index) {
            const MachineCache& cache = m_.caches[index];
            const std::string folder = fmt::format("{}cpu{}/cache/index{}/", cpu_folder, cpu, index);
            for (const auto& [name, text] : cache.files) {
                file(folder + name, text);
            }
            const Members cpus = sharing(cpu, cache.shift);
            file(folder + "shared_cpu_map", sysfs_mask(cpus, count_));
            file(folder + "shared_cpu_list", sysfs_list(cpus));
            file(folder + "id",
                 fmt::format("{}\n", static_cast<uint64_t>(m_.cpus[cpu].apic_id) >> cache.shift));
        }
    }

    void add_nodes()
    {
        const std::string folder = node_folder;
        const auto nodes = static_cast<uint32_t>(m_.distances.size());
        Members all_nodes(nodes), with_cpus, with_memory;
        std::iota(all_nodes.begin(), all_nodes.end(), 0u);
        for (uint32_t node = 0; node < nodes; ++node) {
            const Members cpus = cpus_where([&](const MachineCpu& cpu) { return cpu.node == node; });
            const std::string own = fmt::format("{}node{}/", folder, node);
            file(own + "cpumap", sysfs_mask(cpus, count_));
            file(own + "cpulist", sysfs_list(cpus));
            std::string distances;
            for (const uint32_t distance : m_.distances[node]) {
                distances += fmt::format("{}{}", distances.empty() ? "" : " ", distance);
            }
            file(own + "distance", distances + "\n");
            file(own + "meminfo", ""); // mcexec fills it in when it is read
            file(own + "numastat", "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\n"
                                   "other_node 0\n");
            for (const uint32_t cpu : cpus) {
                link(fmt::format("{}cpu{}", own, cpu), fmt::format("../../cpu/cpu{}", cpu));
            }
            link(fmt::format("bus/node/devices/node{}", node),
                 fmt::format("../../../{}node{}", folder, node));
            if (!cpus.empty()) {
                with_cpus.push_back(node);
            }
            if (m_.has_memory[node]) {
                with_memory.push_back(node);
            }
        }
        file(folder + "online", sysfs_list(all_nodes));
        file(folder + "possible", sysfs_list(all_nodes));
        file(folder + "has_cpu", sysfs_list(with_cpus));
        file(folder + "has_memory", sysfs_list(with_memory));
        file(folder + "has_normal_memory", sysfs_list(with_memory));
    }

    void add_cpuinfo()
    {
        std::string text;
        for (uint32_t cpu = 0; cpu < count_; ++cpu) {
            std::set<uint32_t> cores;
            const Members package = sharing(cpu, m_.package_shift);
            for (const uint32_t sibling : package) {
                cores.insert(core_of(sibling));
            }
            const std::map<std::string, uint64_t> own = {
                {"processor", cpu},
                {"physical id", package_of(cpu)},
                {"siblings", package.size()},
                {"core id", core_of(cpu)},
                {"cpu cores", cores.size()},
                {"apicid", m_.cpus[cpu].apic_id},
                {"initial apicid", m_.cpus[cpu].apic_id},
            };
            std::istringstream lines(m_.cpuinfo);
            for (std::string line; std::getline(lines, line);) {
                const size_t colon = line.find(':');
                const size_t key_end =
                    colon == std::string::npos ? 0 : line.find_last_not_of("\t ", colon - 1) + 1;
                const auto found = own.find(line.substr(0, key_end));
                text +=
                    found == own.end() ? line : fmt::format("{}: {}", line.substr(0, colon), found->second);
                text += "\n";
            }
            text += "\n";
        }
        file("cpuinfo", text);
    }

    const Machine& m_;
    uint32_t count_;
    Tree tree_;
};

} // namespace

std::string sysfs_list(const std::vector<uint32_t>& members)
{
    return format_cpu_list(members) + "\n";
}

std::string sysfs_mask(const std::vector<uint32_t>& members, uint32_t bits)
{
    std::string text;
    for (uint32_t word = (bits + 31) / 32; word-- > 0;) {
        uint32_t value = 0;
        for (const uint32_t member : members) {
            value |= member / 32 == word ? 1u << (member % 32) : 0u;
        }
        const uint32_t width = std::min(bits - word * 32, 32u);
        text += fmt::format("{}{:0{}x}", text.empty() ? "" : ",", value, (width + 3) / 4);
    }
    return text + "\n";
}

Tree machine_tree(const Machine& machine)
{
    return Builder(machine).build();
}

} // namespace still::ihk
