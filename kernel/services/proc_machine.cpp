// SPDX-License-Identifier: BSD-2-Clause
// The machine in /proc and /sys: what libraries and runtimes look at to count CPUs, nodes and memory.
#include <arch/cpu.hpp>
#include <mm/file_cache.hpp>
#include <mm/frame_allocator.hpp>
#include <services/proc.hpp>

namespace still::services {

namespace {

void put_cpu_flags(TextBuffer& out)
{
    struct Word {
        u32 bits;
        const char* names[32];
    };
    const arch::Cpuid one = arch::cpuid(1);
    const arch::Cpuid seven = arch::cpuid(7);
    const arch::Cpuid extended = arch::cpuid(0x80000001);
    const Word words[] = {
        {one.d, {"fpu",   "vme",   "de",    "pse", "tsc",  "msr",  "pae",  "mce",   "cx8",   "apic",
                 nullptr, "sep",   "mtrr",  "pge", "mca",  "cmov", "pat",  "pse36", nullptr, "clflush",
                 nullptr, nullptr, nullptr, "mmx", "fxsr", "sse",  "sse2", "ss",    "ht"}},
        {one.c, {"pni",   "pclmulqdq", nullptr, "monitor", nullptr,  nullptr,  nullptr,  nullptr,
                 nullptr, "ssse3",     nullptr, nullptr,   "fma",    "cx16",   nullptr,  nullptr,
                 nullptr, "pcid",      nullptr, "sse4_1",  "sse4_2", "x2apic", "movbe",  "popcnt",
                 nullptr, "aes",       "xsave", nullptr,   "avx",    "f16c",   "rdrand", "hypervisor"}},
        {extended.d,
         {nullptr, nullptr,   nullptr, nullptr, nullptr, nullptr, nullptr,   nullptr,  nullptr, nullptr,
          nullptr, "syscall", nullptr, nullptr, nullptr, nullptr, nullptr,   nullptr,  nullptr, nullptr,
          "nx",    nullptr,   nullptr, nullptr, nullptr, nullptr, "pdpe1gb", "rdtscp", nullptr, "lm"}},
        {seven.b,
         {"fsgsbase", nullptr, nullptr, "bmi1",  nullptr, "avx2",       nullptr, "smep",    "bmi2",
          "erms",     nullptr, nullptr, nullptr, nullptr, nullptr,      nullptr, "avx512f", "avx512dq",
          "rdseed",   "adx",   "smap",  nullptr, nullptr, "clflushopt", "clwb"}}};
    for (const Word& word : words)
        for (u32 i = 0; i < 32; ++i)
            if ((word.bits >> i & 1) != 0 && word.names[i] != nullptr)
                format_to(out, " {}", word.names[i]);
}

void put_brand(TextBuffer& out)
{
    char name[49] = {};
    for (u32 i = 0; i < 3; ++i) {
        const arch::Cpuid part = arch::cpuid(0x80000002 + i);
        const u32 words[4] = {part.a, part.b, part.c, part.d};
        __builtin_memcpy(name + 16 * i, words, 16);
    }
    std::string_view text(name);
    text.remove_prefix(min(text.find_first_not_of(' '), text.size()));
    out.put(text);
}

bool put_cpuinfo(Node&, TextBuffer& out)
{
    const arch::Cpuid zero = arch::cpuid(0);
    const u32 vendor[3] = {zero.b, zero.d, zero.c};
    char vendor_name[13] = {};
    __builtin_memcpy(vendor_name, vendor, 12);
    const u32 signature = arch::cpuid(1).a;
    const u32 family = (signature >> 8 & 15) + (signature >> 20 & 255);
    const u32 model = (signature >> 4 & 15) | (signature >> 12 & 0xf0);
    const u64 khz = us_to_tsc(1'000'000) / 1000;
    for (u32 i = 0; i < num_cpus(); ++i) {
        const u32 apic_id = cpu(CpuId(i)).arch.apic_id;
        format_to(out, "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: ", i,
                  vendor_name, family, model);
        put_brand(out);
        format_to(out, "\nstepping\t: {}\ncpu MHz\t\t: {}.", signature & 15, khz / 1000);
        out.put_number(khz % 1000, 10, 3);
        format_to(out,
                  "\nphysical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\napicid\t\t: {}\n",
                  num_cpus(), i, num_cpus(), apic_id);
        out.put("fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: ");
        format_to(out, "{}\nwp\t\t: yes\nflags\t\t:", zero.a);
        put_cpu_flags(out);
        format_to(out, "\nbogomips\t: {}.00\nclflush size\t: 64\ncache_alignment\t: 64\n\n", khz / 500);
    }
    return true;
}

void put_line(TextBuffer& out, std::string_view name, u64 bytes)
{
    out.put(name);
    out.put(':');
    char room[24];
    TextBuffer number(room);
    format_to(number, "{}", bytes / KiB);
    for (usize i = name.size() + 1 + number.view().size(); i < 24; ++i)
        out.put(' ');
    out.put(number.view());
    out.put(" kB\n");
}

bool put_meminfo(Node&, TextBuffer& out)
{
    const u64 total = frames::total_bytes();
    const u64 free = frames::free_bytes();
    put_line(out, "MemTotal", total);
    put_line(out, "MemFree", free);
    put_line(out, "MemAvailable", free);
    put_line(out, "Buffers", 0);
    put_line(out, "Cached", file_cache::bytes());
    put_line(out, "SwapCached", 0);
    put_line(out, "SwapTotal", 0);
    put_line(out, "SwapFree", 0);
    put_line(out, "Shmem", 0);
    out.put("HugePages_Total:       0\nHugePages_Free:        0\n");
    put_line(out, "Hugepagesize", page_size_2m);
    return true;
}

bool put_machine_stat(Node&, TextBuffer& out)
{
    constexpr u64 tick_ns = 10'000'000;
    const u64 now = monotonic_ns() / tick_ns;
    const auto put_cpu = [&](u64 busy, u64 all) {
        format_to(out, " {} 0 0 {} 0 0 0 0 0 0\n", busy, all > busy ? all - busy : 0);
    };
    const auto busy_of = [&](u32 i) {
        const u64 idle = tsc_to_ns(busy_ticks(cpu(CpuId(i)).idle)) / tick_ns;
        return now > idle ? now - idle : 0;
    };
    u64 busy = 0;
    for (u32 i = 0; i < num_cpus(); ++i)
        busy += busy_of(i);
    out.put("cpu ");
    put_cpu(busy, now * num_cpus());
    for (u32 i = 0; i < num_cpus(); ++i) {
        format_to(out, "cpu{}", i);
        put_cpu(busy_of(i), now);
    }
    format_to(out, "intr 0\nctxt 0\nbtime {}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
              (realtime_ns() - monotonic_ns()) / 1'000'000'000);
    return true;
}

bool put_uptime(Node&, TextBuffer& out)
{
    const u64 hundredths = boottime_ns() / 10'000'000;
    format_to(out, "{}.", hundredths / 100);
    out.put_number(hundredths % 100, 10, 2);
    out.put(" 0.00\n");
    return true;
}

bool put_loadavg(Node&, TextBuffer& out)
{
    out.put("0.00 0.00 0.00 1/1 1\n");
    return true;
}

bool put_version(Node&, TextBuffer& out)
{
    out.put("Linux version 6.1.0-stillcore (Stillcore, alone) #1 SMP\n");
    return true;
}

bool put_filesystems(Node&, TextBuffer& out)
{
    out.put("nodev\trootfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevtmpfs\n");
    return true;
}

// "0", or "0-n".
void put_range(TextBuffer& out, u32 count)
{
    out.put('0');
    if (count > 1)
        format_to(out, "-{}", count - 1);
    out.put('\n');
}

bool put_all_cpus(Node&, TextBuffer& out)
{
    put_range(out, num_cpus());
    return true;
}
bool put_all_nodes(Node&, TextBuffer& out)
{
    put_range(out, frames::count_nodes());
    return true;
}
bool put_nothing(Node&, TextBuffer& out)
{
    out.put('\n');
    return true;
}
bool put_number(Node& node, TextBuffer& out)
{
    format_to(out, "{}\n", node.id);
    return true;
}

// The CPUs of a node, as a list with commas.
bool put_node_cpus(Node& node, TextBuffer& out)
{
    bool any = false;
    for (u32 i = 0; i < num_cpus(); ++i) {
        if (cpu(CpuId(i)).arch.node.value != node.id)
            continue;
        if (any)
            out.put(',');
        format_to(out, "{}", i);
        any = true;
    }
    out.put('\n');
    return true;
}

bool put_node_memory(Node& node, TextBuffer& out)
{
    const NodeId id(static_cast<u32>(node.id));
    format_to(out, "Node {} MemTotal: {} kB\nNode {} MemFree: {} kB\n", node.id,
              frames::total_bytes(id) / KiB, node.id, frames::free_bytes(id) / KiB);
    return true;
}

constexpr NodeOps text(bool (*generate)(Node&, TextBuffer&))
{
    return {.generate = generate};
}
constinit const NodeOps cpuinfo_ops = text(put_cpuinfo), meminfo_ops = text(put_meminfo),
                        stat_ops = text(put_machine_stat), uptime_ops = text(put_uptime),
                        loadavg_ops = text(put_loadavg), version_ops = text(put_version),
                        filesystems_ops = text(put_filesystems), cpus_ops = text(put_all_cpus),
                        nodes_ops = text(put_all_nodes), nothing_ops = text(put_nothing),
                        number_ops = text(put_number), node_cpus_ops = text(put_node_cpus),
                        node_memory_ops = text(put_node_memory);

struct Row {
    const char* path;
    const NodeOps* ops;
    u64 id;
};
constexpr Row rows[] = {
    {"/proc/cpuinfo", &cpuinfo_ops, 0},
    {"/proc/filesystems", &filesystems_ops, 0},
    {"/proc/loadavg", &loadavg_ops, 0},
    {"/proc/meminfo", &meminfo_ops, 0},
    {"/proc/stat", &stat_ops, 0},
    {"/proc/sys/kernel/pid_max", &number_ops, 4194304},
    {"/proc/sys/kernel/ngroups_max", &number_ops, 65536},
    {"/proc/sys/vm/overcommit_memory", &number_ops, 0},
    {"/proc/sys/vm/max_map_count", &number_ops, 65530},
    {"/proc/uptime", &uptime_ops, 0},
    {"/proc/version", &version_ops, 0},
    {"/sys/devices/system/cpu/online", &cpus_ops, 0},
    {"/sys/devices/system/cpu/possible", &cpus_ops, 0},
    {"/sys/devices/system/cpu/present", &cpus_ops, 0},
    {"/sys/devices/system/cpu/offline", &nothing_ops, 0},
    {"/sys/devices/system/cpu/kernel_max", &number_ops, STILL_MAX_CPUS - 1},
    {"/sys/devices/system/node/online", &nodes_ops, 0},
    {"/sys/devices/system/node/possible", &nodes_ops, 0},
    {"/sys/devices/system/node/has_cpu", &nodes_ops, 0},
    {"/sys/devices/system/node/has_memory", &nodes_ops, 0},
};

} // namespace

bool make_machine_files()
{
    constexpr u32 mode = mode_file | 0444;
    for (const Row& row : rows)
        if (put_node(row.path, mode, row.ops, row.id) == nullptr)
            return false;
    char room[80];
    if (!make_topology())
        return false;
    for (u32 i = 0; i < frames::count_nodes(); ++i) {
        for (const auto& [name, ops] :
             {std::pair{"cpulist", &node_cpus_ops}, std::pair{"meminfo", &node_memory_ops}}) {
            TextBuffer path(room);
            format_to(path, "/sys/devices/system/node/node{}/{}", i, name);
            if (put_node(path.view(), mode, ops, i) == nullptr)
                return false;
        }
    }
    return true;
}

} // namespace still::services
