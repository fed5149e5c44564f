// SPDX-License-Identifier: BSD-2-Clause
// The two texts of a process's or a thread's directory in /proc that tell how it is: stat and status (proc(5)).
#include <exec/peers.hpp>
#include <exec/process_table.hpp>
#include <mm/frame_allocator.hpp>
#include <services/proc.hpp>
#include <services/terminal.hpp>

namespace still::services {

namespace {

void put_padded(TextBuffer& out, u64 number, u32 width)
{
    u32 digits = 1;
    for (u64 rest = number / 10; rest != 0; rest /= 10)
        ++digits;
    for (; digits < width; ++digits)
        out.put(' ');
    format_to(out, "{}", number);
}

void put_kib(TextBuffer& out, std::string_view name, u64 bytes)
{
    out.put(name);
    out.put(":\t");
    put_padded(out, bytes / KiB, 8);
    out.put(" kB\n");
}

char state_of(const Client& client, u64 tid)
{
    if (client.state == Client::State::zombie)
        return 'Z';
    if (client.stopped)
        return 'T';
    if (client.lwk == nullptr)
        return 'R';
    LockGuard guard(client.lwk->lock);
    for (const Task* t = client.lwk->tasks; t != nullptr; t = t->next_task)
        if ((tid == 0 || t->tid == tid) && t->state != Thread::State::parked)
            return 'R';
    return 'S';
}

u32 count_threads(Process& p)
{
    LockGuard guard(p.lock);
    return p.num_tasks;
}

} // namespace

bool put_stat(Node& node, TextBuffer& out)
{
    constexpr u64 tick_ns = 10'000'000;
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    const ShownProcess p(*client);
    const Client& c = *client;
    const u64 tid = node.extra;
    u64 used = p ? process_cpu_ns(*p) : c.used_ns;
    u32 parent = 0, cpu_id = 0;
    char state;
    {
        LockGuard guard(clients_lock);
        parent = c.parent != nullptr ? c.parent->pid : 0;
        state = state_of(c, tid);
        if (p) {
            LockGuard inner(p->lock);
            if (const Task* t = find_task(*p, static_cast<u32>(tid != 0 ? tid : c.pid)); t != nullptr)
                cpu_id = t->cpu->arch.id.value;
        }
        if (tid != 0 && c.lwk != nullptr && c.state == Client::State::alive) {
            LockGuard inner(c.lwk->lock);
            if (const Task* t = find_task(*c.lwk, static_cast<u32>(tid)); t != nullptr)
                used = tsc_to_ns(busy_ticks(*t));
        }
    }
    const bool on_terminal = has_terminal(c);
    char name[16];
    get_thread_name(*client, thread_of(node), name);
    format_to(out, "{} ({}) {} {} {} {} {} {} 0 ", tid != 0 ? tid : c.pid, name, std::string_view(&state, 1),
              parent, c.group, c.session, on_terminal ? 0x501 : 0,
              on_terminal ? static_cast<i32>(terminal_group()) : -1);
    format_to(out, "{} {} 0 0 {} 0 {} 0 {} {} {} 0 {} ", p ? p->page_faults.load() : c.faults,
              c.children_faults, used / tick_ns, c.children_ns / tick_ns, 20 + c.nice, c.nice,
              p ? count_threads(*p) : 0, c.started_ns / tick_ns);
    format_to(out, "{} {} {} {} {} {} 0 0 0 0 0 0 0 0 {} {} 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
              p ? p->space.mapped_bytes() : 0, p ? p->space.resident_bytes() / page_size : 0,
              c.limits[limit_rss].soft, c.start_code, c.end_code, c.stack_start, 17, cpu_id);
    return true;
}

namespace {

void put_set(TextBuffer& out, std::string_view name, u64 set)
{
    out.put(name);
    out.put(":\t");
    out.put_number(set, 16, 16);
    out.put('\n');
}

struct SignalSets {
    u64 of_thread = 0, of_process = 0, blocked = 0, ignored = 0, caught = 0;
};

SignalSets signals_of(Process& p, u64 tid)
{
    SignalSets s;
    LockGuard guard(p.lock);
    s.of_process = p.pending.set();
    for (u32 i = 0; i < num_signals; ++i) {
        s.ignored |= p.actions.of[i].handler == handler_ignore ? 1ull << i : 0;
        s.caught |= p.actions.of[i].handler > handler_ignore ? 1ull << i : 0;
    }
    const Task* t = tid != 0 ? find_task(p, static_cast<u32>(tid)) : p.tasks;
    if (t != nullptr) {
        s.of_thread = t->signals.pending.set();
        s.blocked = t->signals.mask;
    }
    return s;
}

struct SetOfNumbers {
    u64 word[STILL_MAX_CPUS / 64] = {};
    [[nodiscard]] bool has(u32 i) const { return (word[i / 64] >> (i % 64) & 1) != 0; }
};

// Both ways in which Linux writes a set of numbers below count.
void put_numbers(TextBuffer& out, std::string_view name, const SetOfNumbers& set, u32 count)
{
    format_to(out, "{}:\t", name);
    for (u32 part = (count + 31) / 32; part-- > 0;) {
        const u32 left = count - part * 32;
        out.put_number(set.word[part / 2] >> part % 2 * 32 & 0xffffffffu, 16,
                       left >= 32 ? 8 : (left + 3) / 4);
        if (part != 0)
            out.put(',');
    }
    format_to(out, "\n{}_list:\t", name);
    bool any = false;
    for (u32 i = 0; i < count; ++i) {
        if (!set.has(i))
            continue;
        const u32 first = i;
        while (i + 1 < count && set.has(i + 1))
            ++i;
        if (std::exchange(any, true))
            out.put(',');
        format_to(out, "{}", first);
        if (i != first)
            format_to(out, "-{}", i);
    }
    out.put('\n');
}

// The CPUs that a thread may use, and the nodes.
void put_allowed(Process* p, u32 tid, TextBuffer& out)
{
    SetOfNumbers cpus, nodes;
    __builtin_memset(cpus.word, 0xff, sizeof(cpus.word));
    if (p != nullptr) {
        LockGuard guard(p->lock);
        if (const Task* t = find_task(*p, tid); t != nullptr)
            __builtin_memcpy(cpus.word, t->affinity, sizeof(cpus.word));
    }
    nodes.word[0] = frames::nodes_with_memory();
    put_numbers(out, "Cpus_allowed", cpus, num_cpus());
    put_numbers(out, "Mems_allowed", nodes, frames::count_nodes());
}

const char* name_of_state(char state)
{
    return state == 'R'   ? "R (running)"
           : state == 'S' ? "S (sleeping)"
           : state == 'T' ? "T (stopped)"
                          : "Z (zombie)";
}

} // namespace

bool put_status(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    const Client& c = *client;
    const ShownProcess p(c);
    u32 parent = 0;
    char state;
    {
        LockGuard guard(clients_lock);
        parent = c.parent != nullptr ? c.parent->pid : 0;
        state = state_of(c, node.extra);
    }
    char name[16];
    get_thread_name(*client, thread_of(node), name);
    format_to(out, "Name:\t{}\nUmask:\t0{}{}{}\nState:\t{}\n", name, c.location.umask >> 6 & 7,
              c.location.umask >> 3 & 7, c.location.umask & 7, name_of_state(state));
    format_to(out, "Tgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n", c.pid,
              node.extra != 0 ? node.extra : c.pid, parent);
    out.put("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t \n");
    if (p) {
        put_kib(out, "VmPeak", p->space.peak_mapped_bytes());
        put_kib(out, "VmSize", p->space.mapped_bytes());
        put_kib(out, "VmLck", p->space.count_bytes().locked);
        put_kib(out, "VmPin", 0);
        put_kib(out, "VmHWM", p->space.peak_resident_bytes());
        put_kib(out, "VmRSS", p->space.resident_bytes());
        put_kib(out, "VmData", p->space.count_bytes().data);
        put_kib(out, "VmStk", c.limits[limit_stack].soft == ~0ull ? 0 : 132 * KiB);
        put_kib(out, "VmExe", c.end_code - c.start_code);
        put_kib(out, "VmSwap", 0);
    }
    const SignalSets s = p ? signals_of(*p, node.extra) : SignalSets{};
    format_to(out, "Threads:\t{}\nSigQ:\t0/{}\n", p ? count_threads(*p) : 1, 1024);
    put_set(out, "SigPnd", s.of_thread);
    put_set(out, "ShdPnd", s.of_process);
    put_set(out, "SigBlk", s.blocked);
    put_set(out, "SigIgn", s.ignored);
    put_set(out, "SigCgt", s.caught);
    constexpr u64 all = 0x1ffffffffff;
    put_set(out, "CapInh", 0);
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"})
        put_set(out, set, all);
    put_set(out, "CapAmb", 0);
    format_to(out, "NoNewPrivs:\t{}\nSeccomp:\t0\n", c.no_new_privs);
    put_allowed(p ? &*p : nullptr, thread_of(node), out);
    out.put("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
    if (p && p->peers != nullptr)
        format_to(out, "SmartmapRank:\t{}\nSmartmapSize:\t{}\nSmartmapShift:\t{}\n", p->peer_rank,
                  p->page->peers_size, peers_shift());
    return true;
}

} // namespace still::services
