// SPDX-License-Identifier: BSD-2-Clause
#include "launch.hpp"

#include "address_window.hpp"
#include "exec_plan.hpp"
#include "ihk/device.hpp"
#include "layout.hpp"
#include "limits.hpp"
#include "peers.hpp"
#include "process.hpp"
#include "servers.hpp"
#include "show.hpp"
#include "signal_relay.hpp"
#include "stack_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

constexpr uint32_t default_poll_us = 20;

ihk::Error in_step(const char* step, int result)
{
    const int number = -result;
    if (number == EIO) {
        return {EIO, fmt::format("{}: the LWK of /dev/ihk{} does not answer", step, process.device.os()),
                fmt::format("see 'ihkosctl {} kmsg' and 'ihkosctl status'", process.device.os())};
    }
    return {number, fmt::format("{}: {}", step, strerror(number)), {}};
}

bool randomized()
{
    if ((personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0) {
        return false;
    }
    std::ifstream file("/proc/sys/kernel/randomize_va_space");
    int level = 2;
    file >> level;
    return !file || level != 0;
}

uint64_t random_below(uint64_t bound)
{
    uint64_t value = 0;
    if (bound == 0 || getrandom(&value, sizeof value, 0) != sizeof value) {
        return 0;
    }
    return value % bound;
}

// The TSC's frequency is known only after PROC_CREATE, which already takes the window: the instance's status
// has it.
uint64_t poll_ticks(const Options& options)
{
    if (!options.poll_us) {
        return 0; // the LWK's default
    }
    auto os = ihk::Instance::open(options.os, ihk::Instance::Access::look);
    const auto answer = os ? os->status() : std::unexpected(os.error());
    return std::max<uint64_t>(1, answer ? *options.poll_us * answer->status.tsc_khz / 1000 : 1);
}

ihk::Result<still_proc_create> create_process(const Options& options, const std::vector<still_range>& app,
                                              const SignalState& signals)
{
    still_proc_create request{};
    request.revision = STILL_REVISION;
    request.num_app_ranges = static_cast<uint32_t>(app.size());
    std::copy(app.begin(), app.end(), request.app);
    for (const uint32_t cpu : options.cpus) {
        request.cpu_mask[cpu / 64] |= 1ull << (cpu % 64);
    }
    request.limit_as = limit_of(RLIMIT_AS);
    request.limit_data = limit_of(RLIMIT_DATA);
    request.limit_stack = limit_of(RLIMIT_STACK);
    request.limit_memlock = limit_of(RLIMIT_MEMLOCK);
    request.limit_sigpending = limit_of(RLIMIT_SIGPENDING);
    request.limit_cpu = limit_of(RLIMIT_CPU);
    request.limit_resident = options.memory;
    request.poll_ticks = poll_ticks(options);
    request.ignored_signals = signals.ignored;
    request.blocked_signals = signals.blocked;
    request.cpu_base_ns = options.cpu_ns;
    if (const auto good = ask_for_peers(options, request); !good) {
        return std::unexpected(good.error());
    }
    const int result = process.device.create(request);
    if (result >= 0) {
        return request;
    }
    auto error = in_step("cannot make a process on the LWK", result);
    switch (-result) {
    case ENOEXEC:
        error.hint = "module and mcexec are of different builds: reload the module";
        break;
    case EBADFD:
    case EIO:
    case ENXIO:
    case EAGAIN:
        error.message = fmt::format("OS instance {} does not run: its state is {}", process.device.os(),
                                    ihk::state_name(static_cast<uint32_t>(process.device.os_state())));
        error.hint = fmt::format("see 'ihkosctl {} kmsg'; 'ihkosctl up' or 'ihkosctl reboot {}' starts it",
                                 process.device.os(), process.device.os());
        break;
    case EBUSY:
    case ENOSPC:
        return std::unexpected(no_place_among_peers(request));
    case EINVAL:
        error.hint = "does the instance have the CPUs that -c names?";
        break;
    default:
        break;
    }
    return std::unexpected(error);
}

ihk::Result<> map_pseudo_file(int fd, const std::vector<still_range>& app, bool read_only = false)
{
    const auto maps = read_maps();
    if (!maps) {
        return std::unexpected(maps.error());
    }
    if (!ranges_are_free(*maps, app)) {
        return ihk::fail(ENOMEM, "something of mcexec lies among the program's addresses");
    }
    return map_program_addresses(fd, app, read_only);
}

// What mcexec maps from now on (thread stacks) must land above the program's addresses.
ihk::Result<> check_room_above(const std::vector<still_range>& app)
{
    void* const probe = mmap(nullptr, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool above =
        probe != MAP_FAILED && reinterpret_cast<uint64_t>(probe) >= app.back().end; // SAFETY: compared
    munmap(probe, page_size);
    return above
               ? ihk::Result<>{}
               : ihk::fail(ENOMEM, "there is no room for mcexec's own memory above the program's addresses");
}

ihk::Result<int32_t> map_program_file(int fd, uint64_t size, const std::string& name)
{
    still_map_file request{};
    request.fd = fd;
    request.prot = PROT_READ | PROT_EXEC;
    request.flags = MAP_PRIVATE;
    request.len = size;
    const int result = process.device.map_file(request);
    if (result < 0) {
        return std::unexpected(in_step(name.c_str(), result));
    }
    return request.handle;
}

// An image of the program: the main one or its interpreter.
struct Image {
    ElfImage elf;
    int32_t handle = -1;
};

ihk::Result<Image> load_image(int fd, const std::string& name)
{
    const FileSource source(fd);
    auto elf = parse_elf(source, name);
    if (!elf) {
        return std::unexpected(elf.error());
    }
    const auto handle = map_program_file(fd, source.size(), name);
    if (!handle) {
        return std::unexpected(handle.error());
    }
    return Image{std::move(*elf), *handle};
}

std::vector<AuxEntry> auxiliary_vector(const ElfImage& main, const ElfImage* interpreter,
                                       const Placement& place, const still_proc_create& created)
{
    std::vector<AuxEntry> aux;
    const auto inherit = [&](uint64_t type) {
        errno = 0;
        const uint64_t value = getauxval(type);
        if (value != 0 || errno == 0) {
            aux.push_back({type, value});
        }
    };
    if (created.vdso_size != 0) {
        aux.push_back({AT_SYSINFO_EHDR, place.vdso + created.vdso_offset});
    }
    inherit(AT_MINSIGSTKSZ);
    inherit(AT_HWCAP);
    inherit(AT_PAGESZ);
    inherit(AT_CLKTCK);
    aux.push_back({AT_PHDR, main.phdr_vaddr == 0 ? 0 : main.phdr_vaddr + place.main_bias});
    aux.push_back({AT_PHENT, 56});
    aux.push_back({AT_PHNUM, main.phnum});
    aux.push_back({AT_BASE, interpreter != nullptr ? interpreter->low + place.interpreter_bias : 0});
    aux.push_back({AT_FLAGS, 0});
    aux.push_back({AT_ENTRY, main.entry + place.main_bias});
    add_peers(aux);
    for (const uint64_t type : {AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_HWCAP2}) {
        inherit(type);
    }
    return aux;
}

// The name that ps and top show.
std::string comm_of(const std::string& path)
{
    return path.substr(path.find_last_of('/') + 1).substr(0, 15);
}

// While the first bytes go through the mapping, a fault there is the LWK's refusal, not a bug of ours.
void refuse_on_fault(int)
{
    say("the LWK did not give the program's memory; see ihkosctl kmsg\n");
    _exit(exit_lwk_gone);
}

void write_through_mapping(const ExecPlan& plan, const StackImage& stack)
{
    struct sigaction refuse{};
    refuse.sa_handler = refuse_on_fault;
    sigaction(SIGBUS, &refuse, nullptr);
    sigaction(SIGSEGV, &refuse, nullptr);
    // SAFETY: addresses of the program, which the LWK has just built and the pseudo file maps here.
    for (const still_range& range : plan.clear) {
        memset(reinterpret_cast<void*>(range.start), 0, range.end - range.start);
    }
    memcpy(reinterpret_cast<void*>(stack.stack_pointer), stack.bytes.data(), stack.bytes.size());
}

ihk::Result<StackImage> initial_stack(Program& program, char** environment, std::vector<AuxEntry> aux,
                                      const Placement& place, uint64_t limit)
{
    StackContents contents;
    contents.argv = std::move(program.argv);
    for (char** variable = environment; *variable != nullptr; ++variable) {
        contents.envp.emplace_back(*variable);
    }
    contents.execfn = program.execfn;
    if (const auto* platform = reinterpret_cast<const char*>(getauxval(AT_PLATFORM)); platform != nullptr) {
        contents.platform = platform; // SAFETY: the kernel put the string's address there
    }
    if (getrandom(contents.random.data(), contents.random.size(), 0) !=
        static_cast<ssize_t>(contents.random.size())) {
        return ihk::fail(EIO, "the kernel has no random bytes");
    }
    contents.aux = std::move(aux);
    return build_stack(contents, place.stack_top, std::min(limit, place.stack_top - place.stack_start));
}

still_exec describe(const ExecPlan& plan, const Placement& place, const std::string& comm)
{
    still_exec exec{};
    exec.num_segments = static_cast<uint32_t>(plan.segments.size());
    exec.brk_start = place.brk_start;
    exec.mmap_top = place.mmap_top;
    memcpy(exec.comm, comm.c_str(), comm.size());
    std::copy(plan.segments.begin(), plan.segments.end(), exec.segments);
    return exec;
}

} // namespace

ihk::Result<> launch(const Options& options, Program program, char** environment)
{
    SignalState signals = inherited_signals();
    signals.blocked = options.blocked.value_or(signals.blocked);
    process.signals = signals;
    // What Linux maps for mcexec later lies below this page, or close to it.
    void* const highest = mmap(nullptr, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const auto maps = read_maps();
    munmap(highest, page_size);
    auto app = maps ? find_app_ranges(*maps) : std::unexpected(maps.error());
    if (!app) {
        return std::unexpected(app.error());
    }
    const std::vector<still_range> all = *app;
    const auto near_slots = has_near_slots(options);
    if (!near_slots) {
        return std::unexpected(near_slots.error());
    }
    if (*near_slots) {
        *app = {smartmap_range};
    }
    auto created = create_process(options, *app, signals);
    if (!created) {
        return std::unexpected(created.error());
    }
    follow_ikc_map(options);
    process.app = *app;
    keep_peers(*created);
    process.tsc_khz = created->tsc_khz;
    process.poll_limit = options.poll_us.value_or(default_poll_us) * created->tsc_khz / 1000;
    const still_limit stack_limit = limit_of(RLIMIT_STACK);
    free_own_limits();
    if (process.device.map_slots() == nullptr) {
        return std::unexpected(in_step("cannot map the slots", -errno));
    }
    auto mapped = map_pseudo_file(created->mm_fd, *app);
    if (mapped && *near_slots) {
        mapped = map_pseudo_file(created->mm_fd, find_slots(all, created->peers_size));
    }
    if (mapped && *near_slots) {
        mapped = map_pseudo_file(created->mm_fd, find_read_only_slots(all, created->peers_size), true);
    }
    close(created->mm_fd);
    if (mapped) {
        mapped = check_room_above(all);
    }
    if (!mapped) {
        return mapped;
    }

    const auto main = load_image(program.file.get(), program.path);
    if (!main) {
        return std::unexpected(main.error());
    }
    Image interpreter;
    const ElfImage* interpreter_elf = nullptr;
    if (main->elf.interpreter) {
        const auto file =
            open_executable(*main->elf.interpreter, program.path + ": interpreter " + *main->elf.interpreter);
        auto image = file ? load_image(file->get(), *main->elf.interpreter) : std::unexpected(file.error());
        if (!image) {
            return std::unexpected(image.error());
        }
        interpreter = std::move(*image);
        interpreter_elf = &interpreter.elf;
    }

    // What peers have in common shall lie at the same address in all of them.
    const bool random = randomized() && !options.smartmap;
    const PlacementRequest wish{*app,       main->elf, interpreter_elf, stack_limit.soft, created->vdso_size,
                                *near_slots};
    const auto where = place(wish, [random](uint64_t bound) { return random ? random_below(bound) : 0; });
    if (!where) {
        return std::unexpected(where.error());
    }
    ExecPlan plan;
    add_image(plan, main->elf, where->main_bias, main->handle);
    if (interpreter_elf != nullptr) {
        add_image(plan, interpreter.elf, where->interpreter_bias, interpreter.handle);
    }
    const std::string comm = comm_of(program.execfn);
    auto stack =
        initial_stack(program, environment, auxiliary_vector(main->elf, interpreter_elf, *where, *created),
                      *where, stack_limit.soft);
    if (!stack) {
        return std::unexpected(stack.error());
    }
    add_stack(plan, mapped_stack(*where, stack->stack_pointer), where->stack_top, main->elf.executable_stack);
    add_vdso(plan, where->vdso, created->vdso_size);
    if (auto good = finish_plan(plan, *app); !good) {
        return good;
    }
    if (const int result = process.device.exec(describe(plan, *where, comm)); result < 0) {
        return std::unexpected(in_step("cannot build the program's memory on the LWK", result));
    }
    write_through_mapping(plan, *stack);

    show_to_linux(program.file.get(), main->elf, *where, *stack);
    prctl(PR_SET_NAME, comm.c_str());
    if (const int result = process.device.attach(0); result < 0) {
        return std::unexpected(in_step("cannot attach to the first slot", result));
    }
    block_signals();
    install_relay(signals);
    const uint64_t entry = interpreter_elf != nullptr ? interpreter.elf.entry + where->interpreter_bias
                                                      : main->elf.entry + where->main_bias;
    const still_proc_start start{entry, stack->stack_pointer};
    if (const int result = process.device.start(start); result < 0) {
        return std::unexpected(in_step("cannot start the program on the LWK", result));
    }
    return {};
}

} // namespace still::mcexec
