// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/page_table.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>

namespace still::ikc {

namespace {

still_shared* shared = nullptr;
Handlers handlers{};

// Requests for a service thread. Filled by the interrupt, emptied by the thread, both on one CPU.
struct Inbox {
    static constexpr u32 size = 256;
    static_assert(size > STILL_MAX_CALLS);
    still_msg messages[size];
    u32 head = 0;
    u32 tail = 0;
    [[nodiscard]] bool full() const { return tail - head == size; }
};
Inbox* inboxes[STILL_MAX_CPUS];

// Waiters for replies. A token is index | generation << 32, so that a stale reply finds nobody.
struct Pending {
    Thread* thread = nullptr;
    u32 generation = 0;
    bool done = false;
    i64 status = 0;
    u64 extra = 0;
};
constexpr u32 max_pending = 2048;
Pending pending[max_pending];
SpinLock pending_lock;
u32 pending_hint = 0;

std::atomic<u64> signal_news{0};

LocalEnd local{};

constexpr u64 full_spin_us = 50;

still_cell to_cell(const still_msg& m)
{
    return __builtin_bit_cast(still_cell, m);
}

void complete(const still_msg& m)
{
    const u32 index = static_cast<u32>(m.token);
    if (index >= max_pending)
        return;
    // The waiter takes this lock before it goes on: it can't vanish before unpark() is done with it.
    LockGuard guard(pending_lock);
    Pending& p = pending[index];
    if (p.thread == nullptr || p.generation != m.token >> 32 || p.done)
        return;
    p.status = static_cast<i64>(m.arg[0]);
    p.extra = m.arg[1];
    __atomic_store_n(&p.done, true, __ATOMIC_RELEASE);
    unpark(*p.thread);
}

void handle(Cpu& c, const still_msg& m)
{
    if (m.kind == STILL_MSG_REPLY) {
        complete(m);
        return;
    }
    if (handlers.immediate(m))
        return;
    Inbox& in = *inboxes[c.arch.id.value];
    in.messages[in.tail++ % Inbox::size] = m;
    unpark(*c.service);
}

void tell_signal_news()
{
    if (signal_news.load(std::memory_order_relaxed) == 0)
        return;
    still_msg m{};
    m.kind = STILL_MSG_SIGNAL_NEWS;
    m.arg[0] = signal_news.exchange(0);
    send(m);
}

void service_loop(void*)
{
    Cpu& c = this_cpu();
    Inbox& in = *inboxes[c.arch.id.value];
    for (;;) {
        while (in.head != in.tail) {
            const still_msg m = in.messages[in.head % Inbox::size];
            ++in.head;
            handlers.deferred(m);
        }
        tell_signal_news();
        // Messages that found the inbox full are still in the ring.
        drain();
        if (in.head == in.tail)
            park();
    }
}

} // namespace

void init(still_shared* area, Handlers who)
{
    shared = area;
    handlers = who;
}

bool attach(Cpu& c, still_ring_pair* rings)
{
    Inbox*& inbox = inboxes[c.arch.id.value];
    static_assert(sizeof(Inbox) <= order_bytes(3));
    void* room = inbox != nullptr ? inbox : frames::allocate_memory(c.arch.node, 3);
    if (room == nullptr)
        return false;
    inbox = new (room) Inbox;
    c.from_linux = {&rings->to_lwk, 0};
    c.to_linux = {&rings->to_linux, 0};
    if (c.service != nullptr)
        discard_helper_thread(*c.service); // of the CPU that had this number before
    c.service = make_kernel_thread(c, "service", service_loop, nullptr);
    return c.service != nullptr;
}

void serve_locally(const LocalEnd& end)
{
    local = end;
}

bool is_served_locally()
{
    return local.send != nullptr;
}

Status borrow(PhysAddr at, u64 bytes)
{
    const bool is_ours = frames::lookup(at) != nullptr;
    if (is_ours != (local.send != nullptr))
        return fail(Errno::inval);
    return is_ours ? Status{} : arch::map_lent(at, bytes);
}

void give_back(PhysAddr at, u64 bytes)
{
    if (local.send == nullptr)
        arch::unmap_lent(at, bytes);
}

void drain()
{
    Cpu& c = this_cpu();
    if (c.from_linux.ring == nullptr)
        return;
    Inbox& in = *inboxes[c.arch.id.value];
    still_ring_awake(&c.from_linux);
    do {
        still_cell cell;
        while (!in.full()) {
            const still_ring_result r = still_ring_pop(&c.from_linux, &cell);
            if (r == STILL_RING_CORRUPT)
                panic("the ring from Linux to CPU {} is corrupt", c.arch.id);
            if (r != STILL_RING_OK)
                break;
            handle(c, __builtin_bit_cast(still_msg, cell));
        }
    } while (still_ring_sleep(&c.from_linux) == 0 && !in.full());
}

void ring_doorbell()
{
    const u64 target = __atomic_load_n(&shared->doorbells[this_cpu().arch.id.value], __ATOMIC_ACQUIRE);
    if (target != 0)
        arch::send_interrupt(static_cast<u32>(target >> 32), target & 0xff);
}

void send(const still_msg& m)
{
    if (local.send != nullptr) [[unlikely]] {
        local.send(m);
        return;
    }
    const still_cell cell = to_cell(m);
    const u64 start = arch::read_tsc();
    for (;;) {
        Cpu& c = this_cpu();
        const still_ring_result r = still_ring_push(&c.to_linux, &cell);
        if (r == STILL_RING_OK)
            break;
        if (r == STILL_RING_CORRUPT)
            panic("the ring from CPU {} to Linux is corrupt", c.arch.id);
        ring_doorbell();
        if (arch::read_tsc() - start < us_to_tsc(full_spin_us) || c.current == &c.idle) {
            arch::interrupt_window();
            cpu_pause();
        } else {
            wait_a_moment(); // what Linux needs to go on may have to run here
        }
    }
    if (still_ring_must_notify(&this_cpu().to_linux) != 0)
        ring_doorbell();
}

namespace {

// While nobody else wants the CPU. The answer comes by an interrupt.
void poll_for(const Pending& p, u64 ticks)
{
    const u64 start = arch::read_tsc();
    while (!__atomic_load_n(&p.done, __ATOMIC_ACQUIRE) && arch::read_tsc() - start < ticks &&
           !somebody_waits(this_cpu())) {
        arch::interrupt_window();
        cpu_pause();
    }
}

} // namespace

Result<u64> ask(still_msg m, u64* extra, u64 patience)
{
    if (local.ask != nullptr) [[unlikely]]
        return local.ask(m, extra);
    Thread& self = current_thread();
    u32 index = max_pending;
    while (index == max_pending) {
        {
            LockGuard guard(pending_lock);
            for (u32 i = 0; i < max_pending && index == max_pending; ++i) {
                const u32 at = (pending_hint + i) % max_pending;
                if (pending[at].thread == nullptr)
                    index = at;
            }
            if (index != max_pending) {
                Pending& p = pending[index];
                p.thread = &self;
                p.done = false;
                ++p.generation;
                m.token = index | static_cast<u64>(p.generation) << 32;
                pending_hint = index + 1;
            }
        }
        if (index == max_pending)
            wait_a_moment();
    }
    send(m);
    Pending& p = pending[index];
    poll_for(p, patience);
    while (!__atomic_load_n(&p.done, __ATOMIC_ACQUIRE))
        park();
    const i64 status = p.status;
    if (extra != nullptr)
        *extra = p.extra;
    {
        LockGuard guard(pending_lock);
        p.thread = nullptr;
    }
    if (status < 0)
        return fail(static_cast<Errno>(-status));
    return static_cast<u64>(status);
}

void announce_signals(u64 set)
{
    if (local.send != nullptr) [[unlikely]] {
        still_msg m{};
        m.kind = STILL_MSG_SIGNAL_NEWS;
        m.arg[0] = set;
        local.send(m);
        return;
    }
    signal_news.fetch_or(set);
    if (Thread* service = this_cpu().service; service != nullptr)
        unpark(*service);
}

void reply(const still_msg& request, i64 status, u64 value)
{
    reply_with(request, status, {value});
}

void reply_with(const still_msg& request, i64 status, const u64 (&values)[5])
{
    if (request.token == 0 && request.kind >= STILL_MSG_SLOT_WAKE)
        return;
    still_msg m{};
    m.kind = STILL_MSG_REPLY;
    m.proc = request.proc;
    m.token = request.token;
    m.arg[0] = static_cast<u64>(status);
    for (u32 i = 0; i < 5; ++i)
        m.arg[1 + i] = values[i];
    send(m);
}

} // namespace still::ikc
