// SPDX-License-Identifier: BSD-2-Clause
#include "program_files.hpp"

#include "elf_image.hpp"
#include "proc_path.hpp"
#include "process.hpp"
#include "program_facts.hpp"
#include "user_memory.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

std::string link_target(const std::string& link)
{
    char target[PATH_MAX];
    const ssize_t length = readlink(link.c_str(), target, sizeof target);
    return length > 0 && static_cast<size_t>(length) < sizeof target
               ? std::string(target, static_cast<size_t>(length))
               : std::string();
}

// The file that the call names, if it is a special one. Most calls are out after eight bytes of their path.
ProcPath special_path(const Request& request, const PathCall& call)
{
    const uint64_t address = request.arg[call.path];
    char head[8] = {'/', '/'}; // at a page's end: worth a second look
    if (address % page_size <= page_size - sizeof head) {
        const uint64_t word = mcexec_load_word(address);
        memcpy(head, &word, sizeof head);
    }
    if (head[0] == '/' && !may_be_special(head)) {
        return {};
    }
    char path[PATH_MAX];
    const long length = mcexec_copy_string(path, address, sizeof path);
    if (length <= 0 || length >= PATH_MAX) {
        return {};
    }
    const std::string_view name(path, static_cast<size_t>(length));
    if (name.starts_with('/')) {
        return recognise(name);
    }
    if (!may_be_special_below(name)) {
        return {};
    }
    const int folder = call.folder < 0 ? AT_FDCWD : static_cast<int>(request.arg[call.folder]);
    const std::string base = link_target(folder == AT_FDCWD ? std::string("/proc/self/cwd")
                                                            : fmt::format("/proc/self/fd/{}", folder));
    return base.starts_with('/') ? recognise(fmt::format("{}/{}", base, name)) : ProcPath{};
}

int64_t execute(const Request& request, const uint64_t (&arg)[6])
{
    return mcexec_syscall(request.nr, arg);
}

// The flags of a call that opens; nothing for others.
std::optional<uint64_t> open_flags(const Request& request)
{
    switch (request.nr) {
    case SYS_open:
        return request.arg[1];
    case SYS_openat:
        return request.arg[2];
    case SYS_openat2: {
        open_how how{};
        return read_program(request.arg[2], &how, sizeof how) ? std::optional<uint64_t>(how.flags)
                                                              : std::nullopt;
    }
    default:
        return std::nullopt;
    }
}

// A file with these contents under that number instead of what is open there.
void replace_contents(int fd, const std::string& text, bool close_on_exec)
{
    const int writable = memfd_create("proc", MFD_CLOEXEC);
    if (writable < 0) {
        return;
    }
    const bool written = write(writable, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    fchmod(writable, 0444);
    const int readable =
        written ? open(fmt::format("/proc/self/fd/{}", writable).c_str(), O_RDONLY | O_CLOEXEC) : -1;
    if (readable >= 0) {
        dup3(readable, fd, close_on_exec ? O_CLOEXEC : 0);
        close(readable);
    }
    close(writable);
}

int64_t open_special(const Request& request, const uint64_t (&arg)[6], const ProcPath& path, uint64_t flags)
{
    // Linux's own answer first: its errors and its number are right.
    const int64_t fd = execute(request, arg);
    if (fd < 0 || (flags & O_ACCMODE) != O_RDONLY || (flags & (O_PATH | O_DIRECTORY)) != 0) {
        return fd;
    }
    if (const auto text = make_contents(path, static_cast<int>(fd))) {
        replace_contents(static_cast<int>(fd), *text, (flags & O_CLOEXEC) != 0);
    }
    return fd;
}

// The folder that ihkosctl made for the instance at boot; empty: there is none, or it is out of sight.
const std::string& instance_tree()
{
    static const std::string tree = [] {
        const std::string path = fmt::format("/run/stillcore/{}", process.device.os());
        return access(path.c_str(), X_OK) == 0 ? path : std::string();
    }();
    return tree;
}

} // namespace

std::optional<int64_t> serve_special_file(const Request& request)
{
    const auto call = path_call(request.nr);
    if (!call) {
        return std::nullopt;
    }
    const ProcPath path = special_path(request, *call);
    if (path.file == ProcFile::none) {
        return std::nullopt;
    }
    if (path.file == ProcFile::descriptor) {
        const bool own = path.pid == 0 || path.pid == static_cast<uint32_t>(getpid());
        return own && is_hidden(static_cast<int>(path.number)) ? std::optional<int64_t>(-ENOENT)
                                                               : std::nullopt;
    }
    uint64_t arg[6];
    memcpy(arg, request.arg, sizeof arg);
    std::string replaced;
    if (!path.rest.empty() || path.file == ProcFile::cpuinfo) {
        if (instance_tree().empty()) {
            return std::nullopt;
        }
        replaced =
            fmt::format("{}/{}", instance_tree(), path.file == ProcFile::cpuinfo ? "cpuinfo" : path.rest);
        arg[call->path] =
            reinterpret_cast<uint64_t>(replaced.c_str()); // SAFETY: Linux reads it during the call
        if (path.file != ProcFile::node_meminfo) {
            return execute(request, arg);
        }
    }
    const auto flags = open_flags(request);
    return flags ? open_special(request, arg, path, *flags) : execute(request, arg);
}

namespace {

// Of another mcexec, or of a child's that is just being forked: known by what it is. What is gone by now was
// that.
bool is_of_mcexec(std::string folder, long number)
{
    if (folder.ends_with("/fdinfo")) {
        folder.resize(folder.size() - strlen("info"));
    }
    const std::string target = link_target(fmt::format("{}/{}", folder, number));
    return target.empty() || target == "anon_inode:[stillcore process]" ||
           target == "/[stillcore] (deleted)" || target == fmt::format("/dev/ihk{}", process.device.os());
}

// Which numbers a listing of that folder shall not show; nothing: it shows what there is.
std::function<bool(long)> hidden_numbers(const std::string& folder)
{
    const std::string own_folder = fmt::format("/proc/{}/", getpid());
    const bool own = folder.starts_with(own_folder);
    if (folder.ends_with("/fd") || folder.ends_with("/fdinfo")) {
        return [folder, own](long number) {
            return (own && is_hidden(static_cast<int>(number))) || is_of_mcexec(folder, number);
        };
    }
    if (folder == own_folder + "task") {
        return [threads = own_threads()](long number) {
            return number != getpid() && !threads.contains(static_cast<uint32_t>(number));
        };
    }
    return {};
}

} // namespace

std::optional<int64_t> hide_entries(const Request& request, int64_t result)
{
    struct statfs info{};
    const int fd = static_cast<int>(request.arg[0]);
    if (result <= 0 || fstatfs(fd, &info) != 0 || info.f_type != PROC_SUPER_MAGIC) {
        return result;
    }
    const std::string folder = link_target(fmt::format("/proc/self/fd/{}", fd));
    const auto is_hidden_number = hidden_numbers(folder);
    if (!is_hidden_number) {
        return result;
    }
    // Both calls' entries begin with two words and a length; the name follows, behind a type in the newer one.
    constexpr size_t length_at = 16;
    const size_t name_at = request.nr == SYS_getdents64 ? 19 : 18;
    std::string entries(static_cast<size_t>(result), '\0');
    if (!read_program(request.arg[1], entries.data(), entries.size())) {
        return result;
    }
    std::string kept;
    for (size_t at = 0; at + name_at < entries.size();) {
        uint16_t length = 0;
        memcpy(&length, entries.data() + at + length_at, sizeof length);
        if (length <= name_at || at + length > entries.size()) {
            return result;
        }
        const char* const name = entries.data() + at + name_at;
        char* end = nullptr;
        const long number = strtol(name, &end, 10);
        const bool is_number = end != name && *end == '\0';
        if (!is_number || !is_hidden_number(number)) {
            kept.append(entries, at, length);
        }
        at += length;
    }
    if (kept.empty()) {
        return std::nullopt;
    }
    if (kept.size() != entries.size() && !write_program(request.arg[1], kept.data(), kept.size())) {
        return -EFAULT;
    }
    return static_cast<int64_t>(kept.size());
}

} // namespace still::mcexec
