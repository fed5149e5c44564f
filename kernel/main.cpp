// SPDX-License-Identifier: BSD-2-Clause
// Boot: from the boot block to CPUs that wait for work.
#include <alone.hpp>
#include <arch/apic.hpp>
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/hardware.hpp>
#include <arch/layout.hpp>
#include <arch/linux_state.hpp>
#include <arch/page_table.hpp>
#include <arch/upcalls.hpp>
#include <base/boot_line.hpp>
#include <cpus.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <exec/memory_change.hpp>
#include <exec/peers.hpp>
#include <exec/process.hpp>
#include <exec/report.hpp>
#include <exec/user_memory.hpp>
#include <mm/file_cache.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>
#include <sched/snapshot.hpp>
#include <string_view>

extern "C" {
typedef void (*Constructor)();
extern const Constructor still_init_start[], still_init_end[];
}

namespace still {

namespace {

still_boot_block block;
PhysAddr image;
still_shared* shared = nullptr;
bool ignore_shutdown = false;
bool others_run = false;

void set_state(u32 state)
{
    if (shared != nullptr)
        __atomic_store_n(&shared->state, state, __ATOMIC_RELEASE);
}

void on_panic(std::string_view why, const arch::TrapFrame& frame)
{
    take_snapshot(frame);
    if (others_run)
        stop_other_cpus();
    if (shared == nullptr)
        arch::power_off(255, 0x11);
    const usize n = min(why.size(), sizeof(shared->panic_text) - 1);
    __builtin_memcpy(shared->panic_text, why.data(), n);
    shared->panic_text[n] = '\0';
    shared->panic_cpu = this_cpu().arch.id.value;
    set_state(STILL_STATE_PANIC);
    ikc::ring_doorbell();
}

// CPUs do this at the same time: whoever is last has seen all that happened before.
void publish_memory()
{
    static SpinLock lock;
    if (shared == nullptr)
        return;
    LockGuard guard(lock);
    for (u32 i = 0; i < block.num_nodes; ++i) {
        shared->nodes[i].total = frames::total_bytes(NodeId(i));
        shared->nodes[i].free = frames::free_bytes(NodeId(i));
    }
    shared->kept = frames::kept_bytes();
    shared->cached = file_cache::bytes();
    shared->processes = num_processes();
    shared->oom_kills = num_oom_kills();
}

// Every CPU stops where it is, in HLT with interrupts off; then Linux may INIT them. Processes need no
// orderly end: their memory goes back as a whole, and the module ends their proxies.
void shut_down()
{
    if (ignore_shutdown)
        return;
    log("shutting down, {} processes", num_processes());
    stop_other_cpus();
    const u64 deadline = arch::read_tsc() + us_to_tsc(1'000'000);
    while (cpus_halted() < num_cpus() - 1 && arch::read_tsc() < deadline)
        cpu_pause();
    if (cpus_halted() < num_cpus() - 1)
        log("{} CPUs did not halt", num_cpus() - 1 - cpus_halted());
    else
        set_state(STILL_STATE_STOPPED);
    ikc::ring_doorbell();
    arch::halt_forever();
}

// What Linux must refuse, or find nobody for: it lives on, and so does all else.
void send_bad_cells()
{
    u64 random = arch::read_tsc() | 1;
    const auto word = [&] {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return random;
    };
    for (u32 i = 0; i < 1000; ++i) {
        still_msg m{};
        m.kind = static_cast<u32>(word() % 100);
        m.proc = static_cast<u32>(word() % 4 == 0 ? word() : 0x10000 + word() % 4);
        m.token = word() % 2 == 0 ? 0 : word();
        for (u64& arg : m.arg)
            arg = word() % 3 == 0 ? word() : word() % 4096;
        ikc::send(m);
    }
    log("injected bad cells");
}

void inject(u64 what)
{
    switch (what) {
    case STILL_INJECT_PANIC:
        panic("injected panic");
    case STILL_INJECT_HANG:
        log("injected hang");
        for (;;)
            cpu_pause();
    case STILL_INJECT_HANG_ON:
        log("injected hang with interrupts on");
        for (;;)
            arch::interrupt_window();
    case STILL_INJECT_HANG_NMI:
        log("injected hang in the NMI handler");
        this_cpu().hangs_in_nmi = true;
        arch::send_nmi(this_cpu().arch.apic_id);
        for (;;)
            cpu_pause();
    case STILL_INJECT_IDLE:
        log("injected idling over work");
        this_cpu().idles_over_work = true;
        break;
    case STILL_INJECT_DOUBLE_FAULT:
        log("injected double fault");
        // SAFETY: meant to fail: the first push finds no stack, and neither does the page fault.
        asm volatile("movq %0, %%rsp; pushq $0" ::"r"(arch::kernel_base + 0x7000'0000));
        break;
    case STILL_INJECT_BAD_CELLS:
        send_bad_cells();
        break;
    case STILL_INJECT_PAGE_FAULT:
        // SAFETY: meant to fault: nothing is ever mapped there.
        *reinterpret_cast<volatile u64*>(arch::kernel_base + 0x7000'0000) = 1;
        break;
    case STILL_INJECT_NO_SHUTDOWN:
        ignore_shutdown = true;
        break;
    case STILL_INJECT_LATE_CPU:
        let_next_cpu_tarry();
        break;
    default:
        log("unknown fault injection {}", what);
    }
}

void deferred(const still_msg& m)
{
    switch (m.kind) {
    case STILL_MSG_PING:
        publish_memory();
        ikc::reply(m, 0);
        break;
    case STILL_MSG_DROP_CACHE: {
        const u64 bytes = file_cache::drop();
        publish_memory();
        ikc::reply(m, 0, bytes);
        break;
    }
    case STILL_MSG_MEM_ADD: {
        const Status added = add_memory(PhysAddr(m.arg[0]), m.arg[1], NodeId(static_cast<u32>(m.arg[2])));
        publish_memory();
        ikc::reply(m, added ? 0 : -static_cast<i64>(added.error()));
        break;
    }
    case STILL_MSG_MEM_REMOVE: {
        u64 left = 0;
        const auto units = remove_memory(NodeId(static_cast<u32>(m.arg[0])), m.arg[1],
                                         arch::direct<u64>(PhysAddr(block.report_phys)), &left);
        publish_memory();
        ikc::reply(m, units ? static_cast<i64>(*units) : -static_cast<i64>(units.error()), left);
        break;
    }
    case STILL_MSG_CPU_ADD: {
        const still_boot_cpu fresh = {static_cast<u32>(m.arg[0]), static_cast<u32>(m.arg[0] >> 32),
                                      static_cast<u32>(m.arg[1]), 0};
        block.trampoline_phys = m.arg[2];
        const Status come = bring_cpu(block, image, fresh, PhysAddr(m.arg[3]));
        ikc::reply(m, come ? 0 : -static_cast<i64>(come.error()));
        break;
    }
    case STILL_MSG_CPU_REMOVE: {
        const Status gone = send_cpu_away(block);
        ikc::reply(m, gone ? 0 : -static_cast<i64>(gone.error()));
        if (gone)
            arch::halt_forever();
        break;
    }
    case STILL_MSG_SHUTDOWN:
        shut_down();
        break;
    case STILL_MSG_INJECT:
        inject(m.arg[0]);
        break;
    case STILL_MSG_REPORT:
        publish_memory(); // who asks for this looks at that next
        handle_deferred(m);
        break;
    default:
        handle_deferred(m);
        publish_memory();
    }
}

void map_or_panic(u64 start, u64 bytes, const char* what)
{
    const u64 from = start & ~(page_size - 1);
    if (!arch::map_lent(PhysAddr(from), (start + bytes - from + page_size - 1) & ~(page_size - 1)))
        panic("no memory to map the {}", what);
}

void join_linux()
{
    map_or_panic(block.shared_phys, sizeof(still_shared), "shared area");
    map_or_panic(block.log_phys, block.log_size, "log");
    map_or_panic(block.report_phys, STILL_REPORT_BYTES, "report area");
    init_report(arch::direct<void>(PhysAddr(block.report_phys)));
    map_or_panic(block.rings_phys, block.num_cpus * sizeof(still_ring_pair), "rings");
    auto* ring = arch::direct<still_log>(PhysAddr(block.log_phys));
    const u64 capacity = ring->capacity;
    if (ring->magic != STILL_MAGIC || capacity == 0 || (capacity & (capacity - 1)) != 0 ||
        capacity > block.log_size - sizeof(still_log))
        panic("the log ring is malformed");
    init_log(ring, block.tsc_khz);
    shared = arch::direct<still_shared>(PhysAddr(block.shared_phys));
    init_snapshots(shared);
    set_state(STILL_STATE_BOOTING);
}

void compare_with_linux()
{
    const still_cpu_state& l = block.linux_state;
    if (l.cr4 == 0)
        return;
    const u64 ignore = arch::cr4::pcid | arch::cr4::la57 | arch::cr4::cet | arch::cr4::smep | arch::cr4::smap;
    if (((l.cr4 ^ arch::read_cr4()) & ~ignore) != 0)
        log("CR4 differs from Linux's: {:x} against {:x}", arch::read_cr4(), l.cr4);
    if (l.xcr0 != 0 && l.xcr0 != arch::read_xcr0())
        log("XCR0 differs from Linux's: {:x} against {:x}", arch::read_xcr0(), l.xcr0);
}

} // namespace

} // namespace still

extern "C" void still_main(unsigned long info_phys, unsigned long loader_magic, unsigned long image_phys)
{
    using namespace still;
    for (const Constructor* c = still_init_start; c != still_init_end; ++c)
        (*c)();
    image = PhysAddr(image_phys);
    const char* wrong = arch::read_boot_block(block, info_phys, static_cast<u32>(loader_magic), image);
    const bool beside = (block.flags & STILL_BOOT_BESIDE_LINUX) != 0;
    if (!beside)
        begin_alone(block);
    if (wrong != nullptr)
        panic("{}", wrong);

    arch::adopt_linux_state(block.linux_state);
    arch::init_early_pages(block);
    const bool wants_five_levels = BootLine(block.cmdline).has("la57");
    if (wants_five_levels && arch::has_five_levels())
        arch::begin_five_levels(block, image);
    arch::build_kernel_map(block, image);
    if (beside)
        join_linux();
    set_panic_hook(on_panic);
    const arch::PhysRange early = arch::early_pages_taken();
    const PhysAddr archive_end(block.initramfs_phys + block.initramfs_size);
    const frames::Taken taken[] = {
        {PhysAddr(block.image_phys), PhysAddr(block.image_phys + block.image_size)},
        {PhysAddr(block.initramfs_phys).align_down(page_size), archive_end},
        {early.start, early.end}};
    frames::init(block, taken);
    if (shared != nullptr)
        shared->page_map = image.raw() + (reinterpret_cast<u64>(frames::page_map()) - STILL_IMAGE_BASE);
    file_cache::init();
    arch::set_table_source(frames::keep_table_page);
    if (!beside)
        show_alone(block);
    arch::init_apic(PhysAddr(block.lapic_phys), (block.flags & STILL_BOOT_X2APIC) != 0);

    make_cpus(block, shared);
    arch::calibrate_timer(block.tsc_khz);
    init_clock(block.tsc_khz, shared != nullptr ? &shared->time : nullptr);
    log("Stillcore: {} CPUs, {} MiB in {} ranges, image at {:x}, TSC {} kHz", block.num_cpus,
        frames::total_bytes() / MiB, block.num_ranges, image, block.tsc_khz);
    if (block.initramfs_size != 0)
        log("archive: {} bytes at {:x}", block.initramfs_size, block.initramfs_phys);
    arch::log_hardware();
    if (wants_five_levels && !arch::five_levels())
        panic("la57: these CPUs have no page tables of five levels");
    if (wants_five_levels)
        log("page tables of five levels");
    compare_with_linux();
    ikc::init(shared, {handle_immediate, deferred});
    const std::string_view skip = beside ? std::string_view() : BootLine(block.cmdline).value("no-start");
    others_run = true;
    start_cpus(block, image, number_of(skip).value_or(0));
    if (shared != nullptr) {
        shared->cpus_up = num_cpus();
        shared->peers_shift = peers_shift();
        publish_memory();
    }
    if (const auto most = size_of(BootLine(block.cmdline).value("process-memory")); most && *most != 0) {
        set_memory_per_process(*most);
        log("a process may have {} MiB of memory", *most / MiB);
    }
    if (BootLine(block.cmdline).value("flush") == "always")
        keep_flushing();
    log("{} CPUs up, {} MiB free", num_cpus(), frames::free_bytes() / MiB);
    if (!beside)
        run_alone(block);
    set_state(STILL_STATE_RUNNING);
    ikc::drain();
    idle_loop();
}
