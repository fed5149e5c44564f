// SPDX-License-Identifier: BSD-2-Clause
#include <arch/console.hpp>
#include <arch/cpu.hpp>
#include <base/config.hpp>
#include <base/spin_lock.hpp>
#include <debug/log.hpp>

namespace still {

namespace {

SpinLock lock;
still_log* ring_header = nullptr;
char* ring_data = nullptr;
u64 ring_capacity = 0;
u64 ring_head = 0;
// Alone: what was logged last, and whether the console is the programs' own.
char kept[config::log_bytes];
u64 kept_head = 0;
bool quiet = false;
u64 khz = 1;
u64 start_tsc = 0;
bool line_is_open = false; // a program has not ended the console's last line

void to_console(std::string_view text) REQUIRES(lock)
{
    if (line_is_open)
        arch::write_console("\r\n");
    line_is_open = false;
    arch::write_console(text);
}

void emit(std::string_view text) REQUIRES(lock)
{
    if (ring_header == nullptr) {
        for (char c : text)
            kept[kept_head++ % config::log_bytes] = c;
        if (!quiet)
            to_console(text);
        return;
    }
    for (char c : text)
        ring_data[ring_head++ & (ring_capacity - 1)] = c;
    __atomic_store_n(&ring_header->head, ring_head, __ATOMIC_RELEASE);
}

} // namespace

void init_log(still_log* ring, u64 tsc_khz)
{
    khz = tsc_khz != 0 ? tsc_khz : 1;
    start_tsc = arch::read_tsc();
    if (ring == nullptr) {
        arch::init_serial();
        return;
    }
    ring_capacity = ring->capacity;
    ring_head = ring->head;
    // SAFETY: the data follow the header (stillcore/shared.h).
    ring_data = reinterpret_cast<char*>(ring + 1);
    ring_header = ring;
}

void set_log_quiet(bool wanted)
{
    LockGuard guard(lock);
    quiet = wanted;
}

void show_log()
{
    LockGuard guard(lock);
    if (ring_header != nullptr || !quiet)
        return;
    quiet = false;
    for (u64 at = kept_head > config::log_bytes ? kept_head - config::log_bytes : 0; at < kept_head; ++at)
        to_console({&kept[at % config::log_bytes], 1});
}

ConsoleTurn::ConsoleTurn() NO_THREAD_SAFETY
{
    lock.lock();
}

ConsoleTurn::~ConsoleTurn() NO_THREAD_SAFETY
{
    lock.unlock();
}

void ConsoleTurn::write(std::string_view text) NO_THREAD_SAFETY
{
    arch::write_console(text);
    if (!text.empty())
        line_is_open = text.back() != '\n';
}

void ConsoleTurn::write_line(std::string_view label, std::string_view text) NO_THREAD_SAFETY
{
    to_console(label);
    to_console(text);
    to_console("\r\n");
}

// The holder is dead: whether the lock was got or timed out on, it is free afterwards.
void break_log_lock() NO_THREAD_SAFETY
{
    for (u32 spins = 0; spins < 1'000'000; ++spins) {
        if (lock.try_lock())
            break;
        cpu_pause();
    }
    lock.unlock();
}

void log_line(std::string_view text)
{
    char room[32];
    TextBuffer stamp(room);
    const u64 us = (arch::read_tsc() - start_tsc) * 1000 / khz;
    stamp.put('[');
    stamp.put_number(us / 1'000'000, 10, 3);
    stamp.put('.');
    stamp.put_number(us % 1'000'000, 10, 6);
    stamp.put("] ");
    LockGuard guard(lock);
    emit(stamp.view());
    emit(text);
    emit(ring_header == nullptr ? "\r\n" : "\n");
}

} // namespace still
