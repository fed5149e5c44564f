// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/page_table.hpp>
#include <exec/peers.hpp>
#include <services/layout.hpp>
#include <services/random.hpp>

namespace still::services {

namespace {

// Where position-independent programs lie: as on Linux, and in a member of a group.
constexpr still_range pie = {0x558000000000, 0x568000000000}, pie_of_member = {16 * GiB, 32 * GiB};
constexpr u64 largest_stack_of_member = 64 * GiB;
constexpr u64 least_stack = 128 * MiB, largest_stack = 1024 * GiB;
constexpr u64 guard_gap = 1 * MiB, most_argument_bytes = 6 * MiB;
constexpr u64 vdso_room = STILL_MAX_VDSO_PAGES * page_size;
// Linux's own amounts of randomness: brk 32 MiB, stack 16 GiB, mmap 2^28 pages.
constexpr u64 brk_random = 32 * MiB, stack_random = 16 * GiB, mmap_random = 1024 * GiB;

enum Aux : u64 {
    at_null = 0,
    at_phdr = 3,
    at_phent = 4,
    at_phnum = 5,
    at_pagesz = 6,
    at_base = 7,
    at_flags = 8,
    at_entry = 9,
    at_uid = 11,
    at_euid = 12,
    at_gid = 13,
    at_egid = 14,
    at_platform = 15,
    at_hwcap = 16,
    at_clktck = 17,
    at_secure = 23,
    at_random = 25,
    at_hwcap2 = 26,
    at_execfn = 31,
    at_sysinfo_ehdr = 33,
    at_minsigstksz = 51,
};

} // namespace

Status lay_out(const ElfImage& main, const ElfImage* interpreter, u64 stack_limit, bool random, Layout& l)
{
    // With five levels of page tables a slot has room for all of it.
    const bool is_small = l.member.is_member && !arch::five_levels();
    const still_range& window = is_small ? pie_of_member : pie;
    // What peers have in common shall lie at the same address in all of them.
    const auto pages = [random = random && !l.member.is_member](u64 bytes) {
        return random ? random_below(bytes / page_size) * page_size : 0;
    };
    l.stack_top = (is_small ? STILL_PEERS_END : elf_user_end) - vdso_room - page_size - pages(stack_random);
    l.vdso = l.stack_top + page_size;
    const u64 stack = min(stack_limit, is_small ? largest_stack_of_member : largest_stack) & ~(page_size - 1);
    l.stack_start = l.stack_top - max(stack, least_stack);
    l.most_arguments = min(stack_limit / 4, most_argument_bytes);
    l.mmap_top = l.stack_start - guard_gap - pages(mmap_random);
    if (main.position_independent) {
        const u64 size = main.high - main.low;
        const u64 room = window.end - window.start;
        if (size > room)
            return fail(Errno::nomem);
        const u64 base = (window.start + pages(room - size)) & ~(main.align - 1);
        l.main_bias = max(base, window.start) - main.low;
    }
    const u64 low = main.low + l.main_bias;
    const u64 high = main.high + l.main_bias;
    if (low < lowest_program || high > l.mmap_top - 16 * GiB)
        return fail(Errno::noexec);
    l.brk_start = high + pages(brk_random);
    if (interpreter != nullptr) {
        const u64 size = interpreter->high - interpreter->low;
        if (!interpreter->position_independent)
            return fail(Errno::noexec);
        if (size > 14 * GiB)
            return fail(Errno::nomem);
        l.interpreter_bias = ((l.mmap_top - size) & ~(interpreter->align - 1)) - interpreter->low;
    }
    return {};
}

Status StackText::reserve(u64 bytes, u64 top)
{
    room_ = static_cast<u8*>(take_bytes(bytes));
    if (room_ == nullptr)
        return fail(Errno::nomem);
    size_ = bytes;
    top_ = top;
    return {};
}

u64 StackText::push(const void* data, u64 bytes)
{
    used_ += bytes;
    __builtin_memcpy(room_ + size_ - used_, data, bytes);
    return top_ - used_;
}

namespace {

// Pointers to each of the strings, which lie in the program's memory from first on; the last is pushed first.
void push_pointers(StackText& out, const Strings& strings, u64 first)
{
    out.push_word(0);
    // Backwards over the NULs that separate them.
    const char* text = strings.data();
    u64 end = strings.bytes();
    for (u32 i = 0; i < strings.count(); ++i) {
        u64 start = end - 1;
        while (start > 0 && text[start - 1] != '\0')
            --start;
        out.push_word(first + start);
        end = start;
    }
}

} // namespace

// The first string lies lowest, as programs that overwrite their arguments expect.
Status build_stack(const ExecRequest& request, const ElfImage& main, const ElfImage* interpreter,
                   const Layout& layout, StackText& out)
{
    constexpr u64 spare = 4096;
    const Strings& arguments = request.arguments;
    const Strings& environment = request.environment;
    const std::string_view name = request.execfn.view();
    const u64 strings = arguments.bytes() + environment.bytes() + name.size() + 1;
    const u64 words = u64{arguments.count()} + environment.count() + 8;
    const u64 all = strings + words * sizeof(u64);
    constexpr u64 always_allowed = 32 * page_size;
    if (all > max(layout.most_arguments, always_allowed))
        return fail(Errno::toobig);
    TRY_STATUS(out.reserve(all + spare, layout.stack_top));
    out.push_word(0);
    out.push("", 1);
    const u64 execfn = out.push(name.data(), name.size());
    const u64 env = out.push(environment.data(), environment.bytes());
    const u64 arg = out.push(arguments.data(), arguments.bytes());
    out.align(16);
    const u64 platform = out.push("x86_64", 7);
    u8 random[16];
    random_bytes(random, sizeof(random));
    const u64 random_at = out.push(random, sizeof(random));
    constexpr u64 fsgsbase = 1ull << 16; // CR4
    const u64 aux[][2] = {{STILL_AT_PEERS_RANK, layout.member.rank},
                          {STILL_AT_PEERS_SIZE, layout.member.size},
                          {STILL_AT_PEERS_SHIFT, peers_shift()},
                          {at_sysinfo_ehdr, layout.vdso + page_size},
                          {at_minsigstksz, arch::fpu_size() + 1024},
                          {at_hwcap, arch::cpuid(1).d},
                          {at_pagesz, page_size},
                          {at_clktck, 100},
                          {at_phdr, main.headers == 0 ? 0 : main.headers + layout.main_bias},
                          {at_phent, 56},
                          {at_phnum, main.num_headers},
                          {at_base, interpreter != nullptr ? interpreter->low + layout.interpreter_bias : 0},
                          {at_flags, 0},
                          {at_entry, main.entry + layout.main_bias},
                          {at_uid, 0},
                          {at_euid, 0},
                          {at_gid, 0},
                          {at_egid, 0},
                          {at_secure, 0},
                          {at_random, random_at},
                          {at_hwcap2, (arch::read_cr4() & fsgsbase) != 0 ? 2ull : 0ull},
                          {at_execfn, execfn},
                          {at_platform, platform},
                          {at_null, 0}};
    static_assert(sizeof(aux) <= sizeof(out.auxv));
    // The first three are a member's.
    constexpr u64 of_member = 3;
    const u64 left_out = layout.member.is_member ? 0 : of_member;
    const u64 aux_bytes = sizeof(aux) - left_out * sizeof(aux[0]);
    __builtin_memcpy(out.auxv, aux[left_out], aux_bytes);
    out.auxv_words = static_cast<u32>(aux_bytes / sizeof(u64));
    out.align(16);
    if ((1 + arguments.count() + 1 + environment.count() + 1) % 2 != 0)
        out.push_word(0);
    out.push(aux[left_out], aux_bytes);
    push_pointers(out, environment, env);
    push_pointers(out, arguments, arg);
    out.push_word(arguments.count());
    out.pointer = layout.stack_top - out.size();
    return {};
}

} // namespace still::services
