// SPDX-License-Identifier: BSD-2-Clause
// From ACPI's proximity domains to the boot block's nodes.
#include <base/acpi.hpp>

namespace still::acpi {

namespace {

constexpr u64 reach_of_early_code = 4 * GiB; // a range is on one side of it
constexpr u64 last_address = 1ull << 46;     // what the direct map has room for
constexpr u8 here = 10, elsewhere = 20;

class Domains {
  public:
    // Ascending, each once. false: there are too many.
    bool add(u32 domain)
    {
        u32 at = 0;
        while (at < count_ && domains_[at] < domain)
            ++at;
        if (at < count_ && domains_[at] == domain)
            return true;
        if (count_ == domains_.size())
            return false;
        for (u32 i = count_++; i > at; --i)
            domains_[i] = domains_[i - 1];
        domains_[at] = domain;
        return true;
    }
    // The node of a domain; the first for one that is not known.
    [[nodiscard]] u32 node(u32 domain) const
    {
        for (u32 i = 0; i < count_; ++i)
            if (domains_[i] == domain)
                return i;
        return 0;
    }
    [[nodiscard]] u32 count() const { return count_; }
    [[nodiscard]] u32 domain(u32 node) const { return domains_[node]; }

  private:
    std::array<u32, STILL_MAX_NODES> domains_{};
    u32 count_ = 0;
};

void sort_ranges(still_boot_block& block, Tables& tables)
{
    for (u32 i = 1; i < block.num_ranges; ++i)
        for (u32 j = i; j > 0 && block.ranges[j].start < block.ranges[j - 1].start; --j) {
            const still_boot_range other = block.ranges[j];
            block.ranges[j] = block.ranges[j - 1];
            block.ranges[j - 1] = other;
        }
    u32 kept = 0;
    u64 end = 0;
    for (u32 i = 0; i < block.num_ranges; ++i) {
        still_boot_range r = block.ranges[i];
        if (r.start < end)
            tables.note("memory: ranges of the loader overlap");
        r.start = max(r.start, end);
        if (r.end > last_address)
            tables.note("memory: what lies above 64 TiB is left out");
        r.end = min(r.end, last_address);
        if (r.start >= r.end)
            continue;
        end = r.end;
        block.ranges[kept++] = r;
    }
    block.num_ranges = kept;
}

// Cuts range i at an address inside of it; its second part follows it.
void cut(still_boot_block& block, u32 i, u64 at)
{
    for (u32 j = block.num_ranges++; j > i + 1; --j)
        block.ranges[j] = block.ranges[j - 1];
    block.ranges[i + 1] = block.ranges[i];
    block.ranges[i].end = at;
    block.ranges[i + 1].start = at;
}

void cut_everywhere(still_boot_block& block, Tables& tables, u64 at)
{
    at = at / page_size * page_size;
    for (u32 i = 0; i < block.num_ranges; ++i)
        if (block.ranges[i].start < at && at < block.ranges[i].end) {
            if (block.num_ranges == STILL_MAX_RANGES)
                return tables.note("memory: more pieces than the LWK knows");
            cut(block, i, at);
            return;
        }
}

const MemoryNode* node_at(const Tables& tables, u64 address)
{
    for (u32 i = 0; i < tables.num_memory; ++i)
        if (address >= tables.memory[i].start && address < tables.memory[i].end)
            return &tables.memory[i];
    return nullptr;
}

const CpuNode* node_of_cpu(const Tables& tables, u32 apic_id)
{
    for (u32 i = 0; i < tables.num_cpu_nodes; ++i)
        if (tables.cpu_nodes[i].apic_id == apic_id)
            return &tables.cpu_nodes[i];
    return nullptr;
}

void fill_cpus(still_boot_block& block, Tables& tables, u32 self, u32 last_id)
{
    block.num_cpus = 1;
    block.cpus[0] = {self, 0, 0, 0};
    for (u32 i = 0; i < tables.num_cpus; ++i) {
        const u32 id = tables.cpus[i];
        if (id == self)
            continue;
        if (id > last_id || block.num_cpus == STILL_MAX_CPUS) {
            tables.note("CPUs that this mode of the APIC does not reach are left out");
            continue;
        }
        block.cpus[block.num_cpus] = {id, block.num_cpus, 0, 0};
        ++block.num_cpus;
    }
}

void fill_distances(still_boot_block& block, const Tables& tables, const Domains& domains)
{
    for (u32 i = 0; i < block.num_nodes; ++i)
        for (u32 j = 0; j < block.num_nodes; ++j) {
            u8 d = i == j ? here : elsewhere;
            if (domains.count() != 0 && domains.domain(i) < tables.num_localities &&
                domains.domain(j) < tables.num_localities)
                d = tables.distance[domains.domain(i)][domains.domain(j)];
            block.distance[i][j] = d;
        }
}

} // namespace

void fill_block(still_boot_block& block, Tables& tables, u32 self, u32 last_id)
{
    sort_ranges(block, tables);
    fill_cpus(block, tables, self, last_id);
    cut_everywhere(block, tables, reach_of_early_code);
    for (u32 i = 0; i < tables.num_memory; ++i) {
        cut_everywhere(block, tables, tables.memory[i].start);
        cut_everywhere(block, tables, tables.memory[i].end);
    }
    // Nodes are those that have memory or CPUs here.
    Domains domains;
    bool all = true;
    for (u32 i = 0; i < block.num_ranges; ++i)
        if (const MemoryNode* n = node_at(tables, block.ranges[i].start); n != nullptr)
            all = domains.add(n->domain) && all;
    for (u32 i = 0; i < block.num_cpus; ++i)
        if (const CpuNode* n = node_of_cpu(tables, block.cpus[i].apic_id); n != nullptr)
            all = domains.add(n->domain) && all;
    if (!all)
        tables.note("more nodes than the LWK knows: the rest counts as the first");
    block.num_nodes = max(domains.count(), 1u);
    block.max_phys = 0;
    for (u32 i = 0; i < block.num_ranges; ++i) {
        still_boot_range& r = block.ranges[i];
        const MemoryNode* n = node_at(tables, r.start);
        r.node = n == nullptr ? 0 : domains.node(n->domain);
        block.max_phys = max(block.max_phys, r.end);
    }
    for (u32 i = 0; i < block.num_cpus; ++i) {
        const CpuNode* n = node_of_cpu(tables, block.cpus[i].apic_id);
        block.cpus[i].node = n == nullptr ? 0 : domains.node(n->domain);
    }
    fill_distances(block, tables, domains);
}

} // namespace still::acpi
