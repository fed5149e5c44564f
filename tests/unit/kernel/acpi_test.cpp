// SPDX-License-Identifier: BSD-2-Clause
#include <base/acpi.hpp>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace still::acpi {
namespace {

using Bytes = std::vector<u8>;

void put(Bytes& to, u64 value, u32 size)
{
    for (u32 i = 0; i < size; ++i)
        to.push_back(static_cast<u8>(value >> 8 * i));
}
void set(Bytes& in, usize at, u64 value, u32 size)
{
    for (u32 i = 0; i < size; ++i)
        in[at + i] = static_cast<u8>(value >> 8 * i);
}
void seal(Bytes& table, usize checksum_at, usize length)
{
    table[checksum_at] = 0;
    u8 sum = 0;
    for (usize i = 0; i < length; ++i)
        sum = static_cast<u8>(sum + table[i]);
    table[checksum_at] = static_cast<u8>(-sum);
}

// A machine's memory with its tables at page boundaries.
struct Firmware {
    Bytes memory = Bytes(0x20000);
    Bytes list; // addresses
    u64 next = 0x1000;
    u32 step = 8;

    u64 place(const Bytes& table)
    {
        const u64 at = next;
        std::memcpy(memory.data() + at, table.data(), table.size());
        next += (table.size() + 0xfff) / 0x1000 * 0x1000;
        return at;
    }
    static Bytes table(const char* name, const Bytes& body, u8 revision = 3)
    {
        Bytes t(name, name + 4);
        put(t, 36 + body.size(), 4);
        put(t, revision, 1);
        t.resize(36);
        t.insert(t.end(), body.begin(), body.end());
        seal(t, 9, t.size());
        return t;
    }
    void add(const Bytes& t) { put(list, place(t), step); }
    Tables read(bool break_root = false)
    {
        const u64 at = place(table(step == 8 ? "XSDT" : "RSDT", list));
        Bytes root{'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ',
                   0,   0,   0,   0,   0,   0,   0,   static_cast<u8>(step == 8 ? 2 : 0)};
        put(root, step == 8 ? 0 : at, 4);
        put(root, 36, 4);
        put(root, step == 8 ? at : 0, 8);
        root.resize(36);
        seal(root, 8, 20);
        seal(root, 32, 36);
        if (break_root)
            root[1] = 'x';
        std::memcpy(memory.data() + 0x100, root.data(), root.size());
        return read_at(0x100);
    }
    Tables read_at(u64 rsdp)
    {
        Tables out{};
        read_tables(out,
                    {[](void* self, u64 phys, u64 size) -> const u8* {
                         const Bytes& m = static_cast<Firmware*>(self)->memory;
                         return phys <= m.size() && size <= m.size() - phys ? m.data() + phys : nullptr;
                     },
                     this},
                    rsdp);
        return out;
    }
};

bool has_note(const Tables& t, const std::string& part)
{
    for (u32 i = 0; i < t.num_notes; ++i)
        if (std::string(t.notes[i]).find(part) != std::string::npos)
            return true;
    return false;
}

Bytes madt(const Bytes& entries)
{
    Bytes body;
    put(body, 0xfee00000, 4);
    put(body, 1, 4);
    body.insert(body.end(), entries.begin(), entries.end());
    return Firmware::table("APIC", body);
}
void cpu(Bytes& to, u8 id, u32 flags = 1)
{
    put(to, 0, 1);
    put(to, 8, 1);
    put(to, id, 1);
    put(to, id, 1);
    put(to, flags, 4);
}
void cpu_x2(Bytes& to, u32 id, u32 flags = 1)
{
    put(to, 9, 1);
    put(to, 16, 1);
    put(to, 0, 2);
    put(to, id, 4);
    put(to, flags, 4);
    put(to, id, 4);
}
void memory_in(Bytes& to, u64 start, u64 size, u32 domain, u32 flags = 1)
{
    put(to, 1, 1);
    put(to, 40, 1);
    put(to, domain, 4);
    put(to, 0, 2);
    put(to, start, 8);
    put(to, size, 8);
    put(to, 0, 4);
    put(to, flags, 4);
    put(to, 0, 8);
}
void cpu_in(Bytes& to, u8 id, u32 domain)
{
    put(to, 0, 1);
    put(to, 16, 1);
    put(to, domain & 0xff, 1);
    put(to, id, 1);
    put(to, 1, 4);
    put(to, 0, 1);
    put(to, domain >> 8, 3);
    put(to, 0, 4);
}
void cpu_x2_in(Bytes& to, u32 id, u32 domain)
{
    put(to, 2, 1);
    put(to, 24, 1);
    put(to, 0, 2);
    put(to, domain, 4);
    put(to, id, 4);
    put(to, 1, 4);
    put(to, 0, 8);
}
Bytes srat(const Bytes& entries)
{
    Bytes body;
    put(body, 1, 4);
    put(body, 0, 8);
    body.insert(body.end(), entries.begin(), entries.end());
    return Firmware::table("SRAT", body);
}
Bytes slit(u64 n, const Bytes& distances)
{
    Bytes body;
    put(body, n, 8);
    body.insert(body.end(), distances.begin(), distances.end());
    return Firmware::table("SLIT", body);
}

TEST(Acpi, CpusOfBothKindsIoApicsAndOverrides)
{
    Firmware f;
    Bytes e;
    cpu(e, 0);
    cpu(e, 1, 0); // not enabled
    cpu(e, 3);
    cpu(e, 0xff); // of an x2APIC
    cpu_x2(e, 300);
    cpu_x2(e, 3); // the same once more
    put(e, 1, 1);
    put(e, 12, 1);
    put(e, 0, 2);
    put(e, 0xfec00000, 4);
    put(e, 24, 4);
    put(e, 2, 1);
    put(e, 10, 1);
    put(e, 0, 1);
    put(e, 4, 1);
    put(e, 9, 4);
    put(e, 0xf, 2);
    f.add(madt(e));
    const Tables t = f.read();
    ASSERT_EQ(t.num_cpus, 3u);
    EXPECT_EQ(t.cpus[1], 3u);
    EXPECT_EQ(t.cpus[2], 300u);
    EXPECT_TRUE(has_note(t, "twice"));
    ASSERT_EQ(t.num_io_apics, 1u);
    EXPECT_EQ(t.io_apics[0].first, 24u);
    EXPECT_EQ(t.route(4).global, 9u);
    EXPECT_EQ(t.route(4).flags, 0xf);
    EXPECT_EQ(t.route(3).global, 3u);
}

TEST(Acpi, AnRsdtDoesWhereThereIsNoXsdt)
{
    Firmware f;
    f.step = 4;
    Bytes e;
    cpu(e, 7);
    f.add(madt(e));
    EXPECT_EQ(f.read().num_cpus, 1u);
}

TEST(Acpi, MalformedTablesAreLeftOutWithANote)
{
    Firmware whole;
    EXPECT_TRUE(has_note(whole.read(true), "root pointer"));
    Tables t = whole.read_at(0x1ffff);
    EXPECT_TRUE(has_note(t, "root pointer"));

    Firmware sum;
    Bytes e;
    cpu(e, 0);
    Bytes bad = madt(e);
    bad[12] ^= 1;
    sum.add(bad);
    t = sum.read();
    EXPECT_EQ(t.num_cpus, 0u);
    EXPECT_TRUE(has_note(t, "checksum"));

    Firmware length;
    bad = madt(e);
    set(bad, 4, 0xffffffff, 4);
    length.add(bad);
    put(length.list, 0x7fffffffffff, 8);
    put(length.list, 0, 8);
    t = length.read();
    EXPECT_TRUE(has_note(t, "length"));
    EXPECT_TRUE(has_note(t, "outside"));

    for (const u32 entry : {0u, 1u, 255u}) { // lengths of entries that lead nowhere or out of the table
        Firmware f;
        Bytes entries;
        cpu(entries, 0);
        cpu(entries, 1);
        entries[9] = static_cast<u8>(entry);
        f.add(madt(entries));
        t = f.read();
        EXPECT_EQ(t.num_cpus, 1u);
        EXPECT_TRUE(has_note(t, "MADT"));
    }
}

TEST(Acpi, NodesAreThoseWithMemoryOrCpusInTheOrderOfTheirDomains)
{
    Firmware f;
    Bytes e;
    for (u8 id : {0, 1, 2, 3})
        cpu(e, id);
    f.add(madt(e));
    Bytes n;
    memory_in(n, 0, 2 * GiB, 4);
    memory_in(n, 4 * GiB, 4 * GiB, 2);
    memory_in(n, 8 * GiB, 4 * GiB, 4);
    memory_in(n, 64 * GiB, 4 * GiB, 9);     // of a node that the loader names no memory of
    memory_in(n, 100 * GiB, 4 * GiB, 7, 0); // not enabled
    cpu_in(n, 0, 4);
    cpu_in(n, 1, 4);
    cpu_in(n, 2, 2);
    cpu_x2_in(n, 3, 5); // a node without memory
    f.add(srat(n));
    f.add(slit(6, Bytes(36, 10)));
    Tables t = f.read();
    EXPECT_TRUE(has_note(t, "SLIT"));
    auto block = std::make_unique<still_boot_block>();
    block->ranges[0] = {4 * GiB, 10 * GiB, 0, 0};
    block->ranges[1] = {1 * MiB, 2 * GiB, 0, 0};
    block->num_ranges = 2;
    fill_block(*block, t, 2, 254);
    ASSERT_EQ(block->num_ranges, 3u);
    EXPECT_EQ(block->ranges[0].node, 1u);
    EXPECT_EQ(block->ranges[1].end, 8 * GiB);
    EXPECT_EQ(block->ranges[1].node, 0u);
    EXPECT_EQ(block->ranges[2].start, 8 * GiB);
    EXPECT_EQ(block->ranges[2].node, 1u);
    EXPECT_EQ(block->max_phys, 10 * GiB);
    ASSERT_EQ(block->num_nodes, 3u);
    ASSERT_EQ(block->num_cpus, 4u);
    EXPECT_EQ(block->cpus[0].apic_id, 2u); // who runs comes first
    EXPECT_EQ(block->cpus[0].node, 0u);
    EXPECT_EQ(block->cpus[1].node, 1u);
    EXPECT_EQ(block->cpus[3].node, 2u);
    EXPECT_EQ(block->distance[0][0], 10);
    EXPECT_EQ(block->distance[0][2], 20);
}

TEST(Acpi, DistancesGoWithTheirNodes)
{
    Firmware f;
    Bytes n;
    memory_in(n, 0, GiB, 2);
    memory_in(n, GiB, GiB, 0);
    f.add(srat(n));
    f.add(slit(3, {10, 11, 12, 21, 10, 22, 31, 32, 10}));
    Tables t = f.read();
    EXPECT_EQ(t.num_notes, 0u);
    auto block = std::make_unique<still_boot_block>();
    block->ranges[0] = {0, 3 * GiB, 0, 0}; // what lies behind the nodes is the first one's
    block->num_ranges = 1;
    fill_block(*block, t, 0, 254);
    ASSERT_EQ(block->num_nodes, 2u);
    EXPECT_EQ(block->num_ranges, 3u);
    EXPECT_EQ(block->distance[0][1], 12);
    EXPECT_EQ(block->distance[1][0], 31);
}

TEST(Acpi, CpusOutOfReachOverlapsAndTooManyAreLeftOut)
{
    Firmware f;
    Bytes e;
    for (u32 id = 0; id < 300; ++id)
        cpu_x2(e, id);
    f.add(madt(e));
    Bytes n;
    memory_in(n, 0, 2 * GiB, 0);
    memory_in(n, GiB, 2 * GiB, 1);
    memory_in(n, ~0ull - GiB, 2 * GiB, 1);
    f.add(srat(n));
    Tables t = f.read();
    EXPECT_TRUE(has_note(t, "more CPUs"));
    EXPECT_TRUE(has_note(t, "overlap"));
    EXPECT_TRUE(has_note(t, "2^64"));
    auto block = std::make_unique<still_boot_block>();
    block->ranges[0] = {2 * GiB, 3 * GiB, 0, 0};
    block->ranges[1] = {GiB, 5 * GiB, 0, 0};
    block->ranges[2] = {1ull << 50, 1ull << 51, 0, 0};
    block->num_ranges = 3;
    fill_block(*block, t, 0, 254);
    EXPECT_EQ(block->num_cpus, 255u);
    EXPECT_TRUE(has_note(t, "ranges of the loader overlap"));
    EXPECT_TRUE(has_note(t, "64 TiB"));
    for (u32 i = 1; i < block->num_ranges; ++i)
        EXPECT_LE(block->ranges[i - 1].end, block->ranges[i].start);
    EXPECT_EQ(block->max_phys, 5 * GiB);
}

Bytes fadt(u64 dsdt)
{
    Bytes body(276 - 36);
    set(body, 40 - 36, dsdt, 4);
    set(body, 48 - 36, 0xb2, 4);
    set(body, 52 - 36, 2, 1);
    set(body, 64 - 36, 0x604, 4);
    set(body, 76 - 36, 0x608, 4);
    set(body, 112 - 36, 1u << 10, 4);
    set(body, 116 - 36, 1, 1);
    set(body, 120 - 36, 0xcf9, 8);
    set(body, 128 - 36, 0xf, 1);
    return Firmware::table("FACP", body);
}

TEST(Acpi, PowerOffIsFoundInTheDsdt)
{
    const Bytes good{0x10, 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};
    const Bytes zeros{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00};
    const Bytes cut{0x08, '_', 'S', '5', '_', 0x12, 0x06};
    const Bytes no_name{0x99, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x00};
    const Bytes too_large{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x08, 0x00};
    const std::pair<const Bytes*, int> cases[] = {
        {&good, 5}, {&zeros, 0}, {&cut, -1}, {&no_name, -1}, {&too_large, -1}};
    for (const auto& [aml, expected] : cases) {
        Firmware f;
        Bytes padded(1, 0x10); // what comes before it in a table
        padded.insert(padded.end(), aml->begin(), aml->end());
        f.add(fadt(f.place(Firmware::table("DSDT", padded))));
        const Tables t = f.read();
        EXPECT_EQ(t.pm1a.address, 0x604);
        EXPECT_EQ(t.pm_timer.address, 0x608);
        EXPECT_EQ(t.reset.address, 0xcf9);
        EXPECT_EQ(t.reset_value, 0xf);
        EXPECT_EQ(t.has_s5 ? t.s5_a : -1, expected);
    }
}

} // namespace
} // namespace still::acpi
