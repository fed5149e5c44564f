// SPDX-License-Identifier: BSD-2-Clause
// Which file a program is, and the memory that it begins with.
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <base/format.hpp>
#include <debug/log.hpp>
#include <exec/process_table.hpp>
#include <mm/frame_allocator.hpp>
#include <services/elf.hpp>
#include <services/layout.hpp>
#include <services/peers.hpp>
#include <services/program.hpp>
#include <services/vdso.hpp>

namespace still::services {

namespace {

constexpr u64 script_head_bytes = 256;
constexpr u32 max_scripts = 4;

struct ProgramFile {
    NodeRef node;
    u32 handle = 0;
    ElfImage elf;
};

bool read_node(void* context, u64 offset, void* to, u64 bytes)
{
    const auto got = static_cast<Node*>(context)->data.read(offset, Buffer::of_kernel(to), bytes);
    return got && *got == bytes;
}

Status check_program(const Node& node)
{
    if (node.is_directory() || !node.is(mode_file) || (node.mode & 0111) == 0)
        return fail(Errno::acces);
    return {};
}

// #! as execve(2) has it. false: it is no script.
Result<bool> take_script(Node& node, ExecRequest& request)
{
    char head[script_head_bytes];
    const u64 size = TRY(node.data.read(0, Buffer::of_kernel(head), sizeof(head)));
    std::string_view line(head, size);
    if (!line.starts_with("#!"))
        return false;
    constexpr std::string_view blanks = " \t";
    line.remove_prefix(2);
    line = line.substr(0, line.find_first_of(std::string_view("\n\0", 2)));
    line.remove_prefix(min(line.find_first_not_of(blanks), line.size()));
    const usize last = line.find_last_not_of(blanks);
    line = line.substr(0, last == std::string_view::npos ? 0 : last + 1);
    if (line.empty())
        return fail(Errno::noexec);
    const std::string_view interpreter = line.substr(0, line.find_first_of(blanks));
    std::string_view argument = line.substr(interpreter.size());
    argument.remove_prefix(min(argument.find_first_not_of(blanks), argument.size()));
    Strings arguments;
    TRY_STATUS(arguments.append(interpreter));
    if (!argument.empty())
        TRY_STATUS(arguments.append(argument));
    TRY_STATUS(arguments.append(request.execfn.view()));
    TRY_STATUS(arguments.append_all(request.arguments, 1));
    request.arguments.swap(arguments);
    TRY_STATUS(request.path.assign(interpreter));
    return true;
}

// The ELF file in the end, and request as its interpreters made it.
Result<NodeRef> find_program(ExecRequest& request)
{
    for (u32 depth = 0; depth <= max_scripts; ++depth) {
        NodeRef node = request.node;
        if (!node || depth != 0)
            node = TRY(find_node(*request.start, request.path, request.follow || depth != 0));
        if (node->is(mode_link))
            return fail(Errno::loop);
        TRY_STATUS(check_program(*node));
        if (!TRY(take_script(*node, request)))
            return node;
    }
    return fail(Errno::loop);
}

Status load(Image& image, ProgramFile& file)
{
    const char* why = "";
    const ElfSource source{read_node, file.node.get(), file.node->data.size()};
    if (const Status good = parse_elf(source, file.elf, &why); !good)
        return good;
    file.handle = TRY(add_file_handle(image, file.node));
    return {};
}

Status find_interpreter(const ProgramFile& main, ProgramFile& interpreter)
{
    Path path;
    Scratch room(main.elf.interpreter_bytes);
    if (!room)
        return fail(Errno::nomem);
    if (!read_node(main.node.get(), main.elf.interpreter_offset, room.data(), room.size()) ||
        room.data()[room.size() - 1] != '\0')
        return fail(Errno::noexec);
    TRY_STATUS(path.assign(std::string_view(room.data())));
    interpreter.node = TRY(find_node(root_node(), path, true));
    return check_program(*interpreter.node);
}

void describe_process(const Client& client, still_proc_page& page)
{
    page.magic = STILL_MAGIC;
    page.num_slots = STILL_PROC_SLOTS;
    page.pid = client.pid;
    page.pid_namespace = 1;
    page.num_app_ranges = 1;
    page.app[0] = {lowest_program, elf_user_end};
    page.limit_as = client.limits[limit_as];
    page.limit_data = client.limits[limit_data];
    page.limit_stack = client.limits[limit_stack];
    page.limit_memlock = client.limits[limit_memlock];
    page.limit_sigpending = {~0ull, ~0ull};
    page.limit_cpu = client.limits[limit_cpu];
    page.ignored_signals = client.exec_ignored;
    page.blocked_signals = client.exec_mask;
    page.cpu_base_ns = client.lwk != nullptr ? process_cpu_ns(*client.lwk) : 0;
    u64 any = 0;
    for (const u64 word : client.exec_affinity)
        any |= word;
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i)
        page.cpu_mask[i] = any != 0 ? client.exec_affinity[i] : ~0ull;
}

// Into the memory of a process that does not run yet.
Status write_memory(Process& p, u64 address, const void* from, u64 bytes)
{
    const auto* source = static_cast<const u8*>(from);
    while (bytes != 0) {
        const UserAddr a(address);
        const u64 piece = min(bytes, page_size - address % page_size);
        if (resolve_fault(p, a, Access::write).signo != 0)
            return fail(Errno::nomem);
        const arch::Leaf leaf = p.space.leaf_of(a);
        auto* to = arch::direct<u8>(arch::leaf_frame(leaf.entry->load(), leaf.level)) + (a - leaf.start);
        if (source == nullptr)
            __builtin_memset(to, 0, piece);
        else
            __builtin_memcpy(to, source, piece);
        address += piece;
        if (source != nullptr)
            source += piece;
        bytes -= piece;
    }
    return {};
}

struct Plan {
    still_exec& exec;
    still_range clear[2 * ElfImage::max_loads];
    u32 num_clear = 0;
};

Status add_segment(Plan& plan, const still_segment& s)
{
    if (plan.exec.num_segments == STILL_MAX_SEGMENTS)
        return fail(Errno::noexec);
    plan.exec.segments[plan.exec.num_segments++] = s;
    return {};
}

// As mcexec does it (exec_plan.cpp): a page that two segments share belongs to the later one.
Status add_program(Plan& plan, const ElfImage& elf, u64 bias, u32 handle)
{
    const u32 first = plan.exec.num_segments;
    const auto down = [](u64 v) { return v & ~(page_size - 1); };
    const auto up = [](u64 v) { return (v + page_size - 1) & ~(page_size - 1); };
    for (u32 i = 0; i < elf.num_loads; ++i) {
        const ElfLoad& load = elf.loads[i];
        const u64 start = load.address + bias;
        const u64 file_end = start + load.file_bytes;
        while (plan.exec.num_segments > first) {
            still_segment& last = plan.exec.segments[plan.exec.num_segments - 1];
            if (last.addr + last.len <= down(start))
                break;
            if (last.addr >= down(start))
                --plan.exec.num_segments;
            else
                last.len = down(start) - last.addr;
        }
        u64 anonymous = down(start);
        if (load.file_bytes != 0) {
            const u64 length = up(file_end) - down(start);
            TRY_STATUS(add_segment(
                plan, {down(start), length, load.prot, 0, static_cast<i32>(handle), 0, down(load.offset)}));
            anonymous = up(file_end);
            if (load.memory_bytes > load.file_bytes && (load.prot & prot_write) != 0 && file_end != anonymous)
                plan.clear[plan.num_clear++] = {file_end, anonymous};
        }
        const u64 end = up(start + load.memory_bytes);
        if (end > anonymous)
            TRY_STATUS(add_segment(plan, {anonymous, end - anonymous, load.prot, 0, -1, 0, 0}));
    }
    return {};
}

void sort_segments(still_exec& exec)
{
    for (u32 i = 1; i < exec.num_segments; ++i)
        for (u32 n = i; n > 0 && exec.segments[n].addr < exec.segments[n - 1].addr; --n)
            std::swap(exec.segments[n], exec.segments[n - 1]);
}

Status build(Client& client, ExecRequest& request, const Membership& member, Prepared& out, ProgramFile& main,
             ProgramFile* interpreter)
{
    Layout layout{.member = member};
    const bool random = (client.personality & personality_no_randomize) == 0;
    TRY_STATUS(lay_out(main.elf, interpreter != nullptr ? &interpreter->elf : nullptr,
                       client.limits[limit_stack].soft, random, layout));
    Plan plan{out.image->page().exec, {}, 0};
    TRY_STATUS(add_program(plan, main.elf, layout.main_bias, main.handle));
    if (interpreter != nullptr)
        TRY_STATUS(add_program(plan, interpreter->elf, layout.interpreter_bias, interpreter->handle));
    StackText stack;
    TRY_STATUS(
        build_stack(request, main.elf, interpreter != nullptr ? &interpreter->elf : nullptr, layout, stack));
    const u64 mapped = max(layout.stack_start, (stack.pointer - stack_at_start) & ~(page_size - 1));
    const u32 prot = prot_read | prot_write | (main.elf.executable_stack ? prot_exec : 0);
    TRY_STATUS(add_segment(plan, {mapped, layout.stack_top - mapped, prot, STILL_SEGMENT_STACK, -1, 0, 0}));
    const u64 vdso_bytes = out.image->page().num_vdso_pages * page_size;
    TRY_STATUS(
        add_segment(plan, {layout.vdso, vdso_bytes, prot_read | prot_exec, STILL_SEGMENT_VDSO, -1, 0, 0}));
    sort_segments(plan.exec);
    plan.exec.brk_start = layout.brk_start;
    plan.exec.mmap_top = layout.mmap_top;
    TRY(tell_lwk(STILL_MSG_PROC_EXEC, out.image->handle));
    for (u32 i = 0; i < plan.num_clear; ++i)
        TRY_STATUS(
            write_memory(*out.lwk, plan.clear[i].start, nullptr, plan.clear[i].end - plan.clear[i].start));
    TRY_STATUS(write_memory(*out.lwk, stack.pointer, stack.bytes(), stack.size()));
    out.entry = interpreter != nullptr ? interpreter->elf.entry + layout.interpreter_bias
                                       : main.elf.entry + layout.main_bias;
    out.stack = stack.pointer;
    // Nothing can go wrong any more: this is the client's program now.
    client.auxv_words = stack.auxv_words;
    __builtin_memcpy(client.auxv, stack.auxv, stack.auxv_words * sizeof(u64));
    client.stack_start = stack.pointer;
    client.start_code = main.elf.low + layout.main_bias;
    client.end_code = main.elf.high + layout.main_bias;
    return {};
}

} // namespace

void discard(Prepared& prepared)
{
    if (prepared.image == nullptr)
        return;
    auto* release = make<Release>();
    while (release == nullptr) {
        wait_a_moment();
        release = make<Release>();
    }
    release->image = prepared.image;
    release_later(release);
    prepared.image = nullptr;
}

namespace {

Status prepare_into(Client& client, ExecRequest& request, Prepared& out)
{
    ProgramFile main;
    if (request.execfn.view().empty() && !request.execfn.assign(request.path.view()))
        return fail(Errno::nomem);
    main.node = TRY(find_program(request));
    out.image = make_image();
    if (out.image == nullptr)
        return fail(Errno::nomem);
    describe_process(client, out.image->page());
    describe_vdso(out.image->page());
    const Membership member = find_membership(client, request);
    describe_membership(member, out.image->page());
    TRY(tell_lwk(STILL_MSG_PROC_CREATE, out.image->handle, out.image->area->address().raw(),
                 STILL_PROC_SLOTS));
    {
        LockGuard guard(process_table_lock);
        out.lwk = lookup_process(out.image->handle);
    }
    TRY_STATUS(load(*out.image, main));
    ProgramFile interpreter;
    const bool is_dynamic = main.elf.interpreter_bytes != 0;
    if (is_dynamic) {
        TRY_STATUS(find_interpreter(main, interpreter));
        TRY_STATUS(load(*out.image, interpreter));
    }
    TRY_STATUS(build(client, request, member, out, main, is_dynamic ? &interpreter : nullptr));
    // Who looks from outside sees the new program.
    const std::string_view name = request.path.view().substr(request.path.view().rfind('/') + 1);
    __builtin_memset(client.name, 0, sizeof(client.name));
    __builtin_memcpy(client.name, name.data(), min<usize>(name.size(), sizeof(client.name) - 1));
    (void)client.arguments.assign({request.arguments.data(), request.arguments.bytes()});
    (void)client.environment.assign({request.environment.data(), request.environment.bytes()});
    LockGuard guard(names_lock);
    client.exe = main.node;
    return {};
}

} // namespace

Result<Prepared> prepare_program(Client& client, ExecRequest& request)
{
    Prepared out;
    if (const Status done = prepare_into(client, request, out); !done) {
        discard(out);
        return fail(done.error());
    }
    return out;
}

Result<u32> add_file_handle(Image& image, const NodeRef& node)
{
    auto* file = make<FileHandle>();
    if (file == nullptr)
        return fail(Errno::nomem);
    file->node = node;
    LockGuard guard(image.lock);
    file->number = image.next_file++;
    file->next = image.files;
    image.files = file;
    return file->number;
}

} // namespace still::services
