// SPDX-License-Identifier: BSD-2-Clause
// Booted without Linux: makes the boot block from what PVH or multiboot2 tells.
// (Xen's public start_info.h; Multiboot2 specification 3.6.)
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/hardware.hpp>
#include <arch/screen.hpp>
#include <base/boot_check.hpp>

extern "C" {
extern char low_pml4[], still_image_end[];
}

namespace still::arch {

namespace {

// SAFETY (whole file): low memory is mapped one to one, and the loader's tables lie below 4 GiB.
template <class T> const T* at(u64 phys)
{
    return reinterpret_cast<const T*>(phys);
}

struct PvhInfo {
    u32 magic, version, flags, modules;
    u64 module_list, cmdline, rsdp, memory_map;
    u32 memory_map_entries, reserved;
};
struct PvhMemory {
    u64 address, size;
    u32 type, reserved;
};
struct PvhModule {
    u64 address, size, cmdline, reserved;
};
struct MultibootTag {
    u32 type, size;
};
constexpr u32 ram = 1;
constexpr u64 low_limit = 1 * MiB; // the trampoline and the firmware's tables live below

void copy_text(char* to, const char* from, usize room)
{
    usize i = 0;
    for (; i + 1 < room && from[i] != '\0'; ++i)
        to[i] = from[i];
    to[i] = '\0';
}

void add_memory(still_boot_block& block, u64 start, u64 size, u32 type)
{
    if (type != ram || start + size < start || start + size > ~0ull - page_size ||
        block.num_ranges == STILL_MAX_RANGES)
        return;
    const u64 end = (start + size) & ~(page_size - 1);
    start = max((start + page_size - 1) & ~(page_size - 1), low_limit);
    if (start < end)
        block.ranges[block.num_ranges++] = {start, end, 0, 0};
}

void set_archive(still_boot_block& block, u64 start, u64 size)
{
    if (block.initramfs_size != 0 || size == 0 || start >= 4 * GiB || size > 4 * GiB - start)
        return; // the first one; the loaders put it where 32 bits reach it
    block.initramfs_phys = start;
    block.initramfs_size = size;
}

bool is_memory(const still_boot_block& block, u64 start, u64 size)
{
    for (u32 i = 0; i < block.num_ranges; ++i)
        if (start >= block.ranges[i].start && start + size <= block.ranges[i].end)
            return true;
    return false;
}

// From the CPU's generator, where it has one; an emulator's -seed makes that the same each time.
u64 random_word()
{
    u64 word = 0;
    u8 good = 0;
    if ((cpuid(1).c & 1u << 30) != 0)
        for (u32 tries = 0; tries < 10 && good == 0; ++tries)
            asm volatile("rdrand %0; setc %1" : "=r"(word), "=qm"(good)::"cc");
    return word ^ read_tsc() * 0x9e3779b97f4a7c15;
}

u64 read_pvh(still_boot_block& block, u64 info_phys)
{
    const auto* info = at<PvhInfo>(info_phys);
    if (info->cmdline != 0)
        copy_text(block.cmdline, at<char>(info->cmdline), sizeof(block.cmdline));
    for (u32 i = 0; i < info->memory_map_entries; ++i) {
        const auto* m = at<PvhMemory>(info->memory_map) + i;
        add_memory(block, m->address, m->size, m->type);
    }
    if (info->modules != 0) {
        const auto* module = at<PvhModule>(info->module_list);
        set_archive(block, module->address, module->size);
    }
    return info->rsdp;
}

u64 read_multiboot(still_boot_block& block, u64 info_phys)
{
    u64 rsdp = 0;
    const u64 end = info_phys + *at<u32>(info_phys);
    for (u64 p = info_phys + 8; p + sizeof(MultibootTag) <= end;) {
        const auto* tag = at<MultibootTag>(p);
        if (tag->type == 0 || tag->size < sizeof(MultibootTag) || tag->size > end - p)
            break;
        if (tag->type == 1)
            copy_text(block.cmdline, at<char>(p + 8), min(sizeof(block.cmdline), tag->size - 7ul));
        if (tag->type == 3 && tag->size >= 16)
            set_archive(block, *at<u32>(p + 8), *at<u32>(p + 12) - *at<u32>(p + 8));
        if (tag->type == 6) {
            const u32 step = *at<u32>(p + 8);
            for (u64 m = p + 16; step != 0 && m + step <= p + tag->size; m += step)
                add_memory(block, *at<u64>(m), *at<u64>(m + 8), *at<u32>(m + 16));
        }
        if (tag->type == 8 && tag->size >= 30 && *at<u8>(p + 29) == 1) // pixels of red, green and blue
            set_frame_buffer(
                {*at<u64>(p + 8), *at<u32>(p + 16), *at<u32>(p + 20), *at<u32>(p + 24), *at<u8>(p + 28)});
        if (tag->type == 14 || tag->type == 15)
            rsdp = p + 8;
        p += (tag->size + 7) & ~7u;
    }
    return rsdp;
}

} // namespace

const char* read_boot_block(still_boot_block& block, u64 info_phys, u32 loader_magic, PhysAddr image)
{
    if (loader_magic == 0) {
        block = *at<still_boot_block>(info_phys);
        return check_boot_block(block);
    }
    out8(0x21, 0xff); // the old interrupt controllers stay silent
    out8(0xa1, 0xff);
    block.magic = STILL_MAGIC;
    block.revision = STILL_REVISION;
    block.size = sizeof(block);
    block.image_phys = image.raw();
    block.image_size = reinterpret_cast<u64>(still_image_end) - image.raw();
    block.boot_cr3 = reinterpret_cast<u64>(low_pml4);
    block.trampoline_phys = 0x8000;
    u64 rsdp = 0;
    if (loader_magic == loader_pvh)
        rsdp = read_pvh(block, info_phys);
    else if (loader_magic == loader_multiboot2)
        rsdp = read_multiboot(block, info_phys);
    else
        return "unknown loader";
    if (block.initramfs_size != 0 && !is_memory(block, block.initramfs_phys, block.initramfs_size))
        return "the archive lies outside of the memory that the loader named";
    find_hardware(block, rsdp);
    for (u64& word : block.random_seed)
        word = random_word();
    return block.num_ranges == 0 ? "the loader named no memory" : nullptr;
}

} // namespace still::arch
