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
    get_thread_name(*client, thread_of(node), name);
    out.put(name);
    out.put('\n');
    return true;
}

// As on Linux: of a thread of one's own process, the first 15 bytes as they come, a line's end among them.
Result<u64> write_comm(Node& node, const Buffer& from, u64 bytes)
{
    char name[16] = {};
    TRY_STATUS(from.get(0, name, min<u64>(bytes, sizeof(name) - 1)));
    Client& client = current_client();
    if (client.pid != node.id)
        return fail(Errno::inval);
    return set_thread_name(client, thread_of(node), name) ? Result<u64>(bytes) : fail(Errno::nomem);
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

} // namespace still::services
