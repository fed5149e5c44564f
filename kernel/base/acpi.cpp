// SPDX-License-Identifier: BSD-2-Clause
#include <base/acpi.hpp>
#include <span>

namespace still::acpi {

namespace {

using Bytes = std::span<const u8>;

constexpr u32 header_bytes = 36;
constexpr u64 largest_table = 4 * MiB; // more than any machine's DSDT
constexpr u32 most_tables = 256;
constexpr u32 madt_entries = 44, srat_entries = 48, slit_entries = 44; // where they begin

u64 number(Bytes b, u64 at, u32 size)
{
    u64 value = 0;
    for (u32 i = size; i-- > 0;)
        value = value << 8 | b[at + i];
    return value;
}
u32 word(Bytes b, u64 at)
{
    return static_cast<u32>(number(b, at, 4));
}
u16 half(Bytes b, u64 at)
{
    return static_cast<u16>(number(b, at, 2));
}

bool sums_to_zero(Bytes b)
{
    u8 sum = 0;
    for (const u8 byte : b)
        sum = static_cast<u8>(sum + byte);
    return sum == 0;
}

bool is_named(Bytes b, const char* name)
{
    for (u32 i = 0; i < 4; ++i)
        if (b[i] != static_cast<u8>(name[i]))
            return false;
    return true;
}

Bytes part(Bytes b, u64 from, u64 size)
{
    return {b.data() + from, size};
}

Bytes read(const Reader& reader, u64 phys, u64 size)
{
    const u8* data = phys == 0 || phys + size < phys ? nullptr : reader.read(reader.context, phys, size);
    return data == nullptr ? Bytes() : Bytes(data, size);
}

// A whole table whose length and checksum are right; empty: it is not.
Bytes read_table(Tables& out, const Reader& reader, u64 phys)
{
    const Bytes head = read(reader, phys, header_bytes);
    if (head.empty()) {
        out.note("a table lies outside of what can be read");
        return {};
    }
    const u32 length = word(head, 4);
    if (length < header_bytes || length > largest_table) {
        out.note("a table's length makes no sense");
        return {};
    }
    const Bytes table = read(reader, phys, length);
    if (table.empty() || !sums_to_zero(table)) {
        out.note("a table's checksum is wrong");
        return {};
    }
    return table;
}

// Calls visit(type, entry) for each entry of type, length, data; false: one is malformed, and what follows is unknown.
template <class Visit> bool for_each_entry(Bytes table, u32 from, Visit&& visit)
{
    for (u64 at = from; at + 2 <= table.size();) {
        const u8 length = table[at + 1];
        if (length < 2 || length > table.size() - at)
            return false;
        visit(table[at], part(table, at, length));
        at += length;
    }
    return true;
}

void add_cpu(Tables& out, u32 id, u32 flags)
{
    if ((flags & 1) == 0)
        return; // not there, or only to be plugged in later
    for (u32 i = 0; i < out.num_cpus; ++i)
        if (out.cpus[i] == id)
            return out.note("MADT: an APIC id comes twice");
    if (out.num_cpus == out.cpus.size())
        return out.note("MADT: more CPUs than the LWK knows");
    out.cpus[out.num_cpus++] = id;
}

void read_madt(Tables& out, Bytes table)
{
    if (table.size() < madt_entries)
        return out.note("MADT: too short");
    out.local_apic = word(table, 36);
    const bool whole = for_each_entry(table, madt_entries, [&](u8 type, Bytes e) {
        if (type == 0 && e.size() >= 8 && e[3] != 0xff)
            add_cpu(out, e[3], word(e, 4));
        else if (type == 1 && e.size() >= 12 && out.num_io_apics < max_io_apics)
            out.io_apics[out.num_io_apics++] = {word(e, 4), word(e, 8)};
        else if (type == 2 && e.size() >= 10 && out.num_overrides < max_overrides)
            out.overrides[out.num_overrides++] = {e[3], half(e, 8), word(e, 4)};
        else if (type == 5 && e.size() >= 12)
            out.local_apic = number(e, 4, 8);
        else if (type == 9 && e.size() >= 16 && word(e, 4) != 0xffffffff)
            add_cpu(out, word(e, 4), word(e, 8));
    });
    if (!whole)
        out.note("MADT: an entry's length is wrong");
}

void add_cpu_node(Tables& out, u32 apic_id, u32 domain, u32 flags)
{
    if ((flags & 1) == 0)
        return;
    if (out.num_cpu_nodes == out.cpu_nodes.size())
        return out.note("SRAT: more CPUs than the LWK knows");
    out.cpu_nodes[out.num_cpu_nodes++] = {apic_id, domain};
}

void add_memory(Tables& out, u64 start, u64 size, u32 domain, u32 flags)
{
    if ((flags & 1) == 0 || size == 0)
        return;
    if (start + size < start)
        return out.note("SRAT: memory beyond 2^64");
    if (out.num_memory == out.memory.size())
        return out.note("SRAT: more pieces of memory than the LWK knows");
    u32 at = out.num_memory;
    for (u32 i = 0; i < out.num_memory; ++i)
        if (start < out.memory[i].end && out.memory[i].start < start + size)
            return out.note("SRAT: pieces of memory overlap");
    for (; at > 0 && out.memory[at - 1].start > start; --at)
        out.memory[at] = out.memory[at - 1];
    out.memory[at] = {start, start + size, domain};
    ++out.num_memory;
}

void read_srat(Tables& out, Bytes table)
{
    if (table.size() < srat_entries)
        return out.note("SRAT: too short");
    const bool wide =
        table[8] >= 2; // before that, domains had 8 bits and what is now their rest was reserved
    const bool whole = for_each_entry(table, srat_entries, [&](u8 type, Bytes e) {
        if (type == 0 && e.size() >= 16)
            add_cpu_node(out, e[3], e[2] | (wide ? static_cast<u32>(number(e, 9, 3)) << 8 : 0), word(e, 4));
        else if (type == 1 && e.size() >= 40)
            add_memory(out, number(e, 8, 8), number(e, 16, 8), wide ? word(e, 2) : e[2], word(e, 28));
        else if (type == 2 && e.size() >= 24)
            add_cpu_node(out, word(e, 8), word(e, 4), word(e, 12));
    });
    if (!whole)
        out.note("SRAT: an entry's length is wrong");
}

void read_slit(Tables& out, Bytes table)
{
    if (table.size() < slit_entries)
        return out.note("SLIT: too short");
    const u64 n = number(table, 36, 8);
    if (n == 0 || n > STILL_MAX_NODES || table.size() - slit_entries < n * n)
        return out.note("SLIT: its size makes no sense");
    for (u64 i = 0; i < n; ++i)
        for (u64 j = 0; j < n; ++j) {
            const u8 d = table[slit_entries + i * n + j];
            if ((i == j) != (d == 10) || d < 10)
                return out.note("SLIT: a distance makes no sense");
            out.distance[i][j] = d;
        }
    out.num_localities = static_cast<u32>(n);
}

// A generic address structure (5.2.3.2) of a port.
Port port_at(Bytes table, u64 at)
{
    if (table.size() < at + 12 || table[at] != 1 || number(table, at + 4, 8) > 0xffff)
        return {};
    return {half(table, at + 4), table[at + 1]};
}

// An integer as AML has it in a package: zero, one, or a byte with its prefix.
bool read_small(Bytes aml, u64& at, u8& value)
{
    if (at >= aml.size())
        return false;
    const u8 op = aml[at++];
    if (op <= 1) {
        value = op;
        return true;
    }
    if (op != 0x0a || at >= aml.size())
        return false;
    value = aml[at++];
    return true;
}

// Name(_S5, Package(){a, b, ...}) is found by its bytes: NameOp "_S5_" PackageOp PkgLength NumElements. An interpreter
// for the one constant that every firmware writes the same way would be the larger part of the kernel.
void find_s5(Tables& out, Bytes aml)
{
    for (u64 i = header_bytes + 1; i + 7 <= aml.size(); ++i) {
        if (!is_named(part(aml, i, 4), "_S5_") || aml[i + 4] != 0x12)
            continue;
        const bool named = aml[i - 1] == 0x08 || (aml[i - 1] == '\\' && i >= 2 && aml[i - 2] == 0x08);
        if (!named)
            continue;
        u64 at = i + 5 + (aml[i + 5] >> 6) + 1; // behind PkgLength, which has 1 to 4 bytes
        if (at >= aml.size() || aml[at] < 1)
            continue;
        ++at;
        u8 a = 0;
        u8 b = 0;
        if (!read_small(aml, at, a) || a > 7)
            continue;
        if (!read_small(aml, at, b) || b > 7)
            b = 0;
        out.has_s5 = true;
        out.s5_a = a;
        out.s5_b = b;
        return;
    }
}

void read_fadt(Tables& out, const Reader& reader, Bytes table)
{
    if (table.size() < 116)
        return out.note("FADT: too short");
    const u32 pm1a = word(table, 64);
    const u32 pm1b = word(table, 68);
    const u32 timer = word(table, 76);
    if (pm1a != 0 && pm1a <= 0xffff)
        out.pm1a = {static_cast<u16>(pm1a), 16};
    if (pm1b != 0 && pm1b <= 0xffff)
        out.pm1b = {static_cast<u16>(pm1b), 16};
    if (timer != 0 && timer <= 0xffff)
        out.pm_timer = {static_cast<u16>(timer),
                        static_cast<u8>((word(table, 112) & 1u << 8) != 0 ? 32 : 24)};
    if (const u32 smi = word(table, 48); smi != 0 && smi <= 0xffff) {
        out.smi = {static_cast<u16>(smi), 8};
        out.smi_enable = table[52];
    }
    if ((word(table, 112) & 1u << 10) != 0 && table.size() >= 129) {
        out.reset = port_at(table, 116);
        out.reset_value = table[128];
    }
    if (const Port wide = port_at(table, 172); wide.address != 0)
        out.pm1a = wide;
    if (const Port wide = port_at(table, 184); wide.address != 0)
        out.pm1b = wide;
    u64 dsdt = table.size() >= 148 ? number(table, 140, 8) : 0;
    if (dsdt == 0)
        dsdt = word(table, 40);
    const Bytes aml = read_table(out, reader, dsdt);
    if (!aml.empty() && is_named(aml, "DSDT"))
        find_s5(out, aml);
}

void read_one(Tables& out, const Reader& reader, u64 phys)
{
    const Bytes table = read_table(out, reader, phys);
    if (table.empty())
        return;
    // The first of each name, as Linux has it.
    if (is_named(table, "APIC") && out.num_cpus == 0 && out.num_io_apics == 0)
        read_madt(out, table);
    else if (is_named(table, "SRAT") && out.num_cpu_nodes == 0 && out.num_memory == 0)
        read_srat(out, table);
    else if (is_named(table, "SLIT") && out.num_localities == 0)
        read_slit(out, table);
    else if (is_named(table, "FACP") && out.pm1a.address == 0)
        read_fadt(out, reader, table);
}

} // namespace

Override Tables::route(u8 source) const
{
    for (u32 i = 0; i < num_overrides; ++i)
        if (overrides[i].source == source)
            return overrides[i];
    return {source, 0, source};
}

void read_tables(Tables& out, const Reader& reader, u64 rsdp)
{
    const Bytes root = read(reader, rsdp, 20);
    if (root.empty() || !is_named(root, "RSD ") || !is_named(part(root, 4, 4), "PTR ") || !sums_to_zero(root))
        return out.note("the root pointer is no good");
    u64 list = word(root, 16);
    u32 step = 4;
    if (root[15] >= 2) {
        const Bytes extended = read(reader, rsdp, 36);
        if (!extended.empty() && sums_to_zero(extended) && number(extended, 24, 8) != 0) {
            list = number(extended, 24, 8);
            step = 8;
        }
    }
    const Bytes table = read_table(out, reader, list);
    if (table.empty() || !is_named(table, step == 8 ? "XSDT" : "RSDT"))
        return out.note("the list of tables is no good");
    u32 seen = 0;
    for (u64 at = header_bytes; at + step <= table.size() && seen < most_tables; at += step, ++seen)
        read_one(out, reader, number(table, at, step));
}

} // namespace still::acpi
