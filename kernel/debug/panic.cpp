// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/upcalls.hpp>
#include <atomic>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <debug/symbols.hpp>

extern "C" const char still_text_start[], still_text_end[];

namespace still {

namespace {

std::atomic<bool> panicking{false};
void (*panic_hook)(std::string_view, const arch::TrapFrame&) = nullptr;

} // namespace

void show_registers(const arch::TrapFrame& f)
{
    log("rip {:x} {}  cs {:x} flags {:x}", f.rip, symbol_of(f.rip).name, f.cs, f.rflags);
    log("rsp {:p} ss {:x} error {:x} vector {} cr2 {:x}", f.rsp, f.ss, f.error, f.vector, arch::read_cr2());
    log("rax {:p} rbx {:p} rcx {:p} rdx {:p}", f.rax, f.rbx, f.rcx, f.rdx);
    log("rsi {:p} rdi {:p} rbp {:p} r8  {:p}", f.rsi, f.rdi, f.rbp, f.r8);
    log("r9  {:p} r10 {:p} r11 {:p} r12 {:p}", f.r9, f.r10, f.r11, f.r12);
    log("r13 {:p} r14 {:p} r15 {:p}", f.r13, f.r14, f.r15);
}

namespace {

bool is_kernel_stack(u64 a)
{
    return a >= arch::direct_base && a < 0xfffffffffffff000 && (a & 7) == 0;
}

void show_backtrace(u64 rip, u64 rbp)
{
    log("backtrace:");
    for (u32 depth = 0; depth < 24; ++depth) {
        const Symbol s = symbol_of(rip);
        log("  {:x} {}+0x{:x}", rip, s.name, s.offset);
        const u64 previous = rbp;
        if (!is_kernel_stack(rbp))
            return;
        // SAFETY: frame pointers of kernel code point into mapped kernel stacks; the chain must ascend.
        const auto* link = reinterpret_cast<const u64*>(rbp);
        rbp = link[0];
        rip = link[1];
        const u64 text_start = reinterpret_cast<u64>(still_text_start);
        const u64 text_end = reinterpret_cast<u64>(still_text_end);
        if (rip < text_start || rip >= text_end || (rbp != 0 && rbp <= previous))
            return;
    }
}

} // namespace

void set_panic_hook(void (*hook)(std::string_view, const arch::TrapFrame&))
{
    panic_hook = hook;
}

void panic_text(std::string_view why, const arch::TrapFrame* frame)
{
    asm volatile("cli");
    if (panicking.exchange(true))
        arch::halt_forever();
    break_log_lock();
    show_log();
    log("PANIC: {}", why);
    arch::TrapFrame here{};
    if (frame != nullptr) {
        show_registers(*frame);
        if (!frame->from_user())
            show_backtrace(frame->rip, frame->rbp);
    } else {
        // No trap: the registers as they are here, the caller's where the ABI keeps them.
        here.rip = reinterpret_cast<u64>(__builtin_return_address(0));
        here.cs = arch::kernel_code;
        here.ss = arch::kernel_data;
        // SAFETY: reads registers.
        asm volatile("mov %%rsp, %0; mov %%rbp, %1; mov %%rbx, %2; mov %%r12, %3; mov %%r13, %4"
                     : "=m"(here.rsp), "=m"(here.rbp), "=m"(here.rbx), "=m"(here.r12), "=m"(here.r13));
        asm volatile("mov %%r14, %0; mov %%r15, %1; pushfq; popq %2"
                     : "=m"(here.r14), "=m"(here.r15), "=r"(here.rflags));
        show_registers(here);
        show_backtrace(here.rip, reinterpret_cast<u64>(__builtin_frame_address(0)));
        // SAFETY: reads a register. For dumps: the address must go with RSP and RBP, which are this function's.
        asm volatile("leaq 0(%%rip), %0" : "=r"(here.rip));
    }
    if (panic_hook != nullptr)
        panic_hook(why, frame != nullptr ? *frame : here);
    arch::halt_forever();
    __builtin_unreachable();
}

} // namespace still

extern "C" void still_abort(const char* what)
{
    still::panic_text(what, nullptr);
}
