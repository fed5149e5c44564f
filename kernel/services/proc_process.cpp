// SPDX-License-Identifier: BSD-2-Clause
// The texts of a process's directory in /proc (proc(5)).
#include <exec/peers.hpp>
#include <exec/process_table.hpp>
#include <mm/frame_allocator.hpp>
#include <services/proc.hpp>
#include <services/shared_memory.hpp>
#include <services/terminal.hpp>

namespace still::services {

ShownProcess::ShownProcess(const Client& client)
{
    u32 handle = 0;
    {
        LockGuard guard(clients_lock);
        if (client.image != nullptr && client.state == Client::State::alive) {
            image_ = client.image;
            handle = image_->handle;
        }
    }
    if (handle != 0)
        process_ = hold_process(handle); // with it, the image stays
}

ShownProcess::~ShownProcess()
{
    if (process_ != nullptr)
        let_process_go(*process_);
}

namespace {

ClientRef client_of(const Node& node)
{
    return hold_client(static_cast<u32>(node.id));
}

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

bool put_cmdline(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    if (client->state == Client::State::alive)
        out.put(client->arguments.view());
    return true;
}

bool put_environ(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    if (client->state == Client::State::alive)
        out.put(client->environment.view());
    return true;
}

bool put_auxv(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    // SAFETY: words of the client's, as bytes.
    out.put({reinterpret_cast<const char*>(client->auxv), client->auxv_words * sizeof(u64)});
    return true;
}

bool put_comm(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    char name[16];
    get_thread_name(*client, static_cast<u32>(node.extra != 0 ? node.extra : node.id), name);
    out.put(name);
    out.put('\n');
    return true;
}

bool put_cgroup(Node&, TextBuffer& out)
{
    out.put("0::/\n");
    return true;
}

bool put_mounts(Node&, TextBuffer& out)
{
    out.put("rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n"
            "devtmpfs /dev devtmpfs rw 0 0\n");
    return true;
}

bool put_mountinfo(Node&, TextBuffer& out)
{
    out.put("1 0 0:19 / / rw - rootfs rootfs rw\n2 1 0:20 / /proc rw - proc proc rw\n");
    return true;
}

bool put_limits(Node& node, TextBuffer& out)
{
    struct Name {
        const char *name, *unit;
    };
    constexpr Name names[num_limits] = {
        {"Max cpu time", "seconds"},    {"Max file size", "bytes"},      {"Max data size", "bytes"},
        {"Max stack size", "bytes"},    {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"}, {"Max open files", "files"},     {"Max locked memory", "bytes"},
        {"Max address space", "bytes"}, {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"}, {"Max nice priority", ""},       {"Max realtime priority", ""},
        {"Max realtime timeout", "us"}};
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    const auto put_column = [&](std::string_view text, u32 width) {
        out.put(text);
        for (usize i = text.size(); i < width; ++i)
            out.put(' ');
        out.put(' ');
    };
    const auto put_limit = [&](u64 value) {
        char room[24];
        TextBuffer text(room);
        if (value == ~0ull)
            text.put("unlimited");
        else
            format_to(text, "{}", value);
        put_column(text.view(), 20);
    };
    out.put("Limit                     Soft Limit           Hard Limit           Units     \n");
    for (u32 i = 0; i < num_limits; ++i) {
        put_column(names[i].name, 25);
        put_limit(client->limits[i].soft);
        put_limit(client->limits[i].hard);
        if (names[i].unit[0] != '\0')
            put_column(names[i].unit, 9);
        out.put('\n');
    }
    return true;
}

namespace {

void put_area(Image& image, Process& p, const AddressSpace::AreaInfo& area, u64 stack, TextBuffer& out)
{
    format_to(out, "{:x}-{:x} ", area.range.start, area.range.end);
    const bool is_shared = area.kind == VmaKind::mirrored;
    out.put((area.prot & prot_read) != 0 ? 'r' : '-');
    out.put((area.prot & prot_write) != 0 ? 'w' : '-');
    out.put((area.prot & prot_exec) != 0 ? 'x' : '-');
    out.put(is_shared ? 's' : 'p');
    NodeRef node;
    if (is_shared) {
        node = node_of_mapping(image, area.range.start);
    } else if (area.file >= 0) {
        LockGuard guard(image.lock);
        for (const FileHandle* f = image.files; f != nullptr; f = f->next)
            if (f->number == static_cast<u32>(area.file))
                node = f->node;
    }
    out.put(' ');
    out.put_number(node ? area.file_offset : 0, 16, 8);
    format_to(out, " {} {} ", node ? "00:13" : "00:00", node ? node->ino : 0);
    if (node) {
        LockGuard guard(names_lock);
        out.put("                   ");
        put_path(*node, out);
    } else if (area.kind == VmaKind::foreign) {
        out.put((area.prot & prot_exec) != 0 ? "                   [vdso]" : "                   [vvar]");
    } else if (area.range.contains(p.space.brk_start)) {
        out.put("                   [heap]");
    } else if (area.range.contains(UserAddr(stack))) {
        out.put("                   [stack]");
    }
    out.put('\n');
}

} // namespace

bool put_maps(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    const ShownProcess p(*client);
    if (!p)
        return true; // it has no memory any more
    AddressSpace::AreaInfo area;
    for (UserAddr a; p->space.area(a, area); a = area.range.end)
        if (area.kind != VmaKind::leaving)
            put_area(*p.image(), *p, area, client->stack_start, out);
    return true;
}

bool put_statm(Node& node, TextBuffer& out)
{
    const ClientRef client = client_of(node);
    if (!client)
        return false;
    const ShownProcess p(*client);
    const u64 pages = p ? p->space.mapped_bytes() / page_size : 0;
    const u64 resident = p ? p->space.resident_bytes() / page_size : 0;
    format_to(out, "{} {} 0 {} 0 {} 0\n", pages, resident,
              (client->end_code - client->start_code) / page_size, pages);
    return true;
}

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
    format_to(out, "{} ({}) {} {} {} {} {} {} 0 ", tid != 0 ? tid : c.pid, c.name,
              std::string_view(&state, 1), parent, c.group, c.session, on_terminal ? 0x501 : 0,
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

// The CPUs that a thread may use, as a list.
void put_cpus(TextBuffer& out)
{
    out.put("Cpus_allowed:\t");
    for (u32 word = (num_cpus() + 31) / 32; word-- > 0;) {
        const u32 left = num_cpus() - word * 32;
        out.put_number(left >= 32 ? 0xffffffffu : (1ull << left) - 1, 16, left >= 32 ? 8 : 1);
        if (word != 0)
            out.put(',');
    }
    format_to(out, "\nCpus_allowed_list:\t0-{}\nMems_allowed:\t1\nMems_allowed_list:\t0\n", num_cpus() - 1);
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
    format_to(out, "Name:\t{}\nUmask:\t0{}{}{}\nState:\t{}\n", c.name, c.location.umask >> 6 & 7,
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
    for (const char* name : {"CapPrm", "CapEff", "CapBnd"})
        put_set(out, name, all);
    put_set(out, "CapAmb", 0);
    format_to(out, "NoNewPrivs:\t{}\nSeccomp:\t0\n", c.no_new_privs);
    put_cpus(out);
    out.put("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
    if (p && p->peers != nullptr)
        format_to(out, "SmartmapRank:\t{}\nSmartmapSize:\t{}\nSmartmapShift:\t{}\n", p->peer_rank,
                  p->page->peers_size, peers_shift());
    return true;
}

} // namespace still::services
