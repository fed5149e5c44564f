// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/dump.hpp"

#include "dump_pages.hpp"

#include <stillcore/dump.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <sys/procfs.h>
#include <unistd.h>

namespace still::ihk {

namespace {

constexpr uint64_t chunk_bytes = 1 << 20;
static_assert(chunk_bytes <= STILL_DUMP_MAX_READ);

// The file; what fails says so with its path.
class Output {
  public:
    explicit Output(std::string path) : path_(std::move(path)) {}
    [[nodiscard]] Result<> open()
    {
        // What is in it is for root only.
        file_ =
            FileHandle(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        return file_.get() >= 0 ? Result<>{} : failed("create");
    }
    [[nodiscard]] Result<> write(uint64_t at, const void* data, size_t bytes)
    {
        const auto* from = static_cast<const char*>(data);
        while (bytes != 0) {
            const ssize_t n = pwrite(file_.get(), from, bytes, static_cast<off_t>(at));
            if (n <= 0) {
                return failed("write");
            }
            from += n;
            at += static_cast<uint64_t>(n);
            bytes -= static_cast<size_t>(n);
        }
        return {};
    }
    [[nodiscard]] Result<> finish(uint64_t size)
    {
        return ftruncate(file_.get(), static_cast<off_t>(size)) == 0 ? Result<>{} : failed("size");
    }
    void discard() { unlink(path_.c_str()); }

  private:
    [[nodiscard]] Result<> failed(const char* what) const
    {
        return fail(errno, fmt::format("dump: cannot {} {}: {}", what, path_, strerror(errno)));
    }
    std::string path_;
    FileHandle file_;
};

struct Segment {
    uint64_t virt;
    uint64_t phys;
    uint64_t bytes;
    uint64_t offset = 0; // in the file
    uint32_t flags = PF_R | PF_W;
};

elf_prstatus registers_of(uint32_t cpu, const still_snapshot& s, bool panicked)
{
    elf_prstatus status{};
    status.pr_pid = static_cast<pid_t>(cpu + 1); // gdb knows no thread 0
    status.pr_cursig = panicked ? SIGABRT : 0;
    const uint64_t regs[] = {s.r15,    s.r14, s.r13, s.r12,     s.rbp,     s.rbx, s.r11, s.r10, s.r9,
                             s.r8,     s.rax, s.rcx, s.rdx,     s.rsi,     s.rdi, ~0ull, s.rip, s.cs,
                             s.rflags, s.rsp, s.ss,  s.fs_base, s.gs_base, 0,     0,     0,     0};
    static_assert(sizeof regs == sizeof status.pr_reg);
    memcpy(&status.pr_reg, regs, sizeof regs);
    return status;
}

void add_note(std::vector<std::byte>& notes, uint32_t type, const void* data, size_t bytes)
{
    constexpr char name[8] = "CORE"; // padded to a multiple of four
    const Elf64_Nhdr header{5, static_cast<uint32_t>(bytes), type};
    const size_t at = notes.size();
    notes.resize(at + sizeof header + sizeof name + ((bytes + 3) & ~size_t{3}));
    memcpy(&notes[at], &header, sizeof header);
    memcpy(&notes[at + sizeof header], name, sizeof name);
    memcpy(&notes[at + sizeof header + sizeof name], data, bytes);
}

// The CPU that panicked comes first: it is the one that gdb shows.
std::vector<uint32_t> order_of(const still_shared& shared, uint32_t num_cpus)
{
    std::vector<uint32_t> order;
    const bool panicked = shared.state == STILL_STATE_PANIC && shared.panic_cpu < num_cpus;
    if (panicked) {
        order.push_back(shared.panic_cpu);
    }
    for (uint32_t cpu = 0; cpu < num_cpus; ++cpu) {
        if (!panicked || cpu != shared.panic_cpu) {
            order.push_back(cpu);
        }
    }
    return order;
}

struct Plan {
    std::vector<Segment> memory;
    Segment image;
    std::vector<std::byte> notes;
    uint64_t end = 0;
};

Result<Plan> make_plan(const DumpSource& source, const still_shared& shared)
{
    Plan plan;
    for (const uint32_t cpu : order_of(shared, source.num_cpus)) {
        const auto status = registers_of(cpu, shared.snapshots[cpu],
                                         shared.state == STILL_STATE_PANIC && cpu == shared.panic_cpu);
        add_note(plan.notes, NT_PRSTATUS, &status, sizeof status);
    }
    const size_t headers = sizeof(Elf64_Ehdr) + (source.pieces.size() + 2) * sizeof(Elf64_Phdr);
    uint64_t at = (headers + plan.notes.size() + 4095) & ~4095ull;
    plan.image = {STILL_IMAGE_BASE, source.image_phys, source.image_bytes, 0, PF_R | PF_W | PF_X};
    for (const still_dump_piece& piece : source.pieces) {
        plan.memory.push_back({STILL_DIRECT_BASE + piece.phys, piece.phys, piece.bytes, at});
        if (source.image_phys >= piece.phys && source.image_phys - piece.phys < piece.bytes) {
            plan.image.offset = at + (source.image_phys - piece.phys);
        }
        at += piece.bytes;
    }
    plan.end = at;
    if (plan.image.offset == 0 || source.pieces.size() > PN_XNUM - 3) {
        return fail(EIO, "dump: the module's list of the memory makes no sense");
    }
    return plan;
}

Result<> write_headers(Output& out, const Plan& plan)
{
    std::vector<Elf64_Phdr> segments;
    const auto count = static_cast<uint16_t>(plan.memory.size() + 2);
    const uint64_t notes_at = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr);
    segments.push_back({PT_NOTE, 0, notes_at, 0, 0, plan.notes.size(), 0, 4});
    const auto add = [&segments](const Segment& s) {
        segments.push_back({PT_LOAD, s.flags, s.offset, s.virt, s.phys, s.bytes, s.bytes, 4096});
    };
    add(plan.image);
    std::for_each(plan.memory.begin(), plan.memory.end(), add);

    Elf64_Ehdr header{};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = count;
    if (auto done = out.write(0, &header, sizeof header); !done) {
        return done;
    }
    if (auto done = out.write(sizeof header, segments.data(), count * sizeof(Elf64_Phdr)); !done) {
        return done;
    }
    return out.write(notes_at, plan.notes.data(), plan.notes.size());
}

bool is_zero(const std::byte* page)
{
    return std::all_of(page, page + STILL_PAGE_SIZE, [](std::byte b) { return b == std::byte{0}; });
}

// Pages of zeros become holes; neighbours are written together.
Result<> write_pages(Output& out, uint64_t at, std::span<const std::byte> pages, DumpSummary& summary)
{
    for (size_t from = 0; from < pages.size();) {
        if (is_zero(&pages[from])) {
            from += STILL_PAGE_SIZE;
            continue;
        }
        size_t to = from + STILL_PAGE_SIZE;
        while (to < pages.size() && !is_zero(&pages[to])) {
            to += STILL_PAGE_SIZE;
        }
        if (auto done = out.write(at + from, &pages[from], to - from); !done) {
            return done;
        }
        summary.written += to - from;
        from = to;
    }
    return {};
}

Result<> write_segment(Output& out, Instance& os, const Segment& segment, const PageChoice& choice,
                       DumpSummary& summary)
{
    std::vector<std::byte> buffer(chunk_bytes);
    for (uint64_t at = 0; at < segment.bytes;) {
        const uint64_t phys = segment.phys + at;
        const uint64_t limit = std::min(segment.bytes - at, chunk_bytes);
        const uint64_t skip = choice.left_out(phys, segment.bytes - at);
        if (skip != 0) {
            at += skip;
            continue;
        }
        const uint64_t bytes = choice.wanted(phys, limit);
        const std::span part(buffer.data(), bytes);
        if (auto done = os.dump_read(phys, part); !done) {
            return done;
        }
        if (auto done = write_pages(out, segment.offset + at, part, summary); !done) {
            return done;
        }
        at += bytes;
    }
    return {};
}

Result<> write_all(Output& out, Instance& os, const DumpSource& source, const still_shared& shared,
                   DumpLevel level, DumpSummary& summary)
{
    const auto plan = make_plan(source, shared);
    if (!plan) {
        return std::unexpected(plan.error());
    }
    PageChoice choice;
    if (level == DumpLevel::kernel) {
        auto chosen = PageChoice::kernel_only(os, source, shared.page_map);
        if (!chosen) {
            return std::unexpected(chosen.error());
        }
        choice = std::move(*chosen);
    }
    if (auto done = write_headers(out, *plan); !done) {
        return done;
    }
    for (const Segment& segment : plan->memory) {
        if (auto done = write_segment(out, os, segment, choice, summary); !done) {
            return done;
        }
    }
    return out.finish(plan->end);
}

} // namespace

namespace {

Result<DumpSummary> dump_held(Instance& os, const std::string& path, DumpLevel level)
{
    const auto source = os.dump_source();
    if (!source) {
        return std::unexpected(source.error());
    }
    const auto shared = read_shared(os, *source);
    if (!shared) {
        return std::unexpected(shared.error());
    }
    DumpSummary summary;
    for (const still_dump_piece& piece : source->pieces) {
        summary.memory += piece.kind == STILL_DUMP_MEMORY ? piece.bytes : 0;
    }
    for (uint32_t cpu = 0; cpu < source->num_cpus; ++cpu) {
        const still_snapshot& s = (*shared)->snapshots[cpu];
        const bool fresh = (*shared)->state == STILL_STATE_PANIC ? s.tsc != 0 : s.held == 1;
        if (!fresh) {
            summary.silent.push_back(cpu);
        }
    }
    Output out(path);
    if (auto done = out.open(); !done) {
        return std::unexpected(done.error());
    }
    if (auto done = write_all(out, os, *source, **shared, level, summary); !done) {
        out.discard();
        return std::unexpected(done.error());
    }
    return summary;
}

} // namespace

Result<DumpSummary> dump(Instance& os, const std::string& path, DumpLevel level)
{
    if (const auto held = os.hold(); !held) {
        return std::unexpected(held.error());
    }
    auto summary = dump_held(os, path, level);
    os.end_hold();
    return summary;
}

} // namespace still::ihk
