// SPDX-License-Identifier: BSD-2-Clause
// Descriptors themselves: dup(2), fcntl(2), close(2), ioctl(2), pipe(2), and the entries of directories.
#include <services/calls.hpp>
#include <services/file_locks.hpp>
#include <services/pipe.hpp>

namespace still::services {

Descriptors& descriptors_of(Client& client)
{
    return *client.descriptors;
}

u64 descriptor_limit(const Client& client)
{
    return client.limits[limit_nofile].soft;
}

Result<FileRef> file_of(Client& client, u64 fd)
{
    Descriptors* all = client.descriptors;
    return all != nullptr ? all->get(fd) : fail(Errno::badf);
}

Result<u64> add_descriptor(Client& client, const FileRef& file, bool close_on_exec)
{
    Descriptors* all = client.descriptors;
    if (all == nullptr)
        return fail(Errno::badf);
    return TRY(all->add(file, close_on_exec, 0, descriptor_limit(client)));
}

Served serve_close(Client& client, const Args& a)
{
    const FileRef file = TRY(descriptors_of(client).remove(a[0]));
    release_record_locks(client, *file);
    return 0;
}

Served serve_close_range(Client& client, const Args& a)
{
    constexpr u64 unshare = 2, cloexec = 4;
    const u32 first = static_cast<u32>(a[0]);
    const u32 last = static_cast<u32>(a[1]);
    if (first > last || (a[2] & ~(unshare | cloexec)) != 0)
        return fail(Errno::inval);
    descriptors_of(client).close_range(first, last, false, (a[2] & cloexec) != 0);
    return 0;
}

Served serve_dup(Client& client, const Args& a)
{
    return add_descriptor(client, TRY(file_of(client, a[0])), false);
}

Served serve_dup2(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    const u32 to = static_cast<u32>(a[1]);
    if (static_cast<u32>(a[0]) == to)
        return to;
    TRY_STATUS(descriptors_of(client).put(to, file, false, descriptor_limit(client)));
    return to;
}

Served serve_dup3(Client& client, const Args& a)
{
    const u32 to = static_cast<u32>(a[1]);
    if ((a[2] & ~static_cast<u64>(o_cloexec)) != 0 || static_cast<u32>(a[0]) == to)
        return fail(Errno::inval);
    const FileRef file = TRY(file_of(client, a[0]));
    TRY_STATUS(descriptors_of(client).put(to, file, (a[2] & o_cloexec) != 0, descriptor_limit(client)));
    return to;
}

Served serve_fcntl(Client& client, const Args& a)
{
    constexpr u64 f_dupfd = 0, f_getfd = 1, f_setfd = 2, f_getfl = 3, f_setfl = 4, f_getlk = 5, f_setlk = 6,
                  f_setlkw = 7, f_setown = 8, f_getown = 9, f_ofd_getlk = 36, f_ofd_setlk = 37,
                  f_ofd_setlkw = 38, f_dupfd_cloexec = 1030, f_setpipe_sz = 1031, f_getpipe_sz = 1032;
    Descriptors& all = descriptors_of(client);
    const FileRef file = TRY(file_of(client, a[0]));
    const u64 command = a[1];
    const bool is_path = (file->flags.load() & o_path) != 0;
    if (is_path && command != f_dupfd && command != f_dupfd_cloexec && command != f_getfd &&
        command != f_setfd && command != f_getfl)
        return fail(Errno::badf);
    switch (command) {
    case f_dupfd:
    case f_dupfd_cloexec:
        if (a[2] >= descriptor_limit(client))
            return fail(Errno::inval);
        return TRY(
            all.add(file, command == f_dupfd_cloexec, static_cast<u32>(a[2]), descriptor_limit(client)));
    case f_getfd:
        return TRY(all.closes_on_exec(a[0])) ? 1 : 0;
    case f_setfd:
        TRY_STATUS(all.set_close_on_exec(a[0], (a[2] & 1) != 0));
        return 0;
    case f_getfl:
        return file->flags.load() | (is_path ? 0 : o_largefile);
    case f_setfl: {
        constexpr u32 changeable = o_append | o_nonblock | o_direct | o_noatime | o_async;
        u32 flags = file->flags.load();
        while (!file->flags.compare_exchange_weak(flags, (flags & ~changeable) |
                                                             (static_cast<u32>(a[2]) & changeable))) {
        }
        return 0;
    }
    case f_getlk:
    case f_setlk:
    case f_setlkw:
    case f_ofd_getlk:
    case f_ofd_setlk:
    case f_ofd_setlkw: {
        const bool of_file = command >= f_ofd_getlk;
        const u64 kind = command - (of_file ? f_ofd_getlk : f_getlk);
        return record_lock(client, *file, kind, of_file, a[2]);
    }
    case f_setown:
        file->owner = static_cast<u32>(a[2]);
        return 0;
    case f_getown:
        return file->owner;
    case f_getpipe_sz:
        return file->ops == &pipe_ops ? Served(Pipe::capacity) : fail(Errno::badf);
    case f_setpipe_sz:
        if (file->ops != &pipe_ops)
            return fail(Errno::badf);
        return a[2] <= Pipe::capacity ? Served(Pipe::capacity) : fail(Errno::perm);
    default: // seals, too: memory files here have none
        return fail(Errno::inval);
    }
}

Served serve_flock(Client& client, const Args& a)
{
    return flock_file(*TRY(file_of(client, a[0])), a[1]);
}

Served serve_ioctl(Client& client, const Args& a)
{
    constexpr u32 fioclex = 0x5451, fionclex = 0x5450, fionbio = 0x5421, fioasync = 0x5452;
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    const auto request = static_cast<u32>(a[1]);
    switch (request) {
    case fioclex:
    case fionclex:
        TRY_STATUS(descriptors_of(client).set_close_on_exec(a[0], request == fioclex));
        return 0;
    case fionbio:
    case fioasync: {
        const u32 bit = request == fionbio ? o_nonblock : o_async;
        if (TRY(UserIn<u32>(a[2]).read()) != 0)
            file->flags.fetch_or(bit);
        else
            file->flags.fetch_and(~bit);
        return 0;
    }
    default:
        return file->ops != nullptr && file->ops->ioctl != nullptr ? file->ops->ioctl(*file, request, a[2])
                                                                   : fail(Errno::notty);
    }
}

Served add_two_descriptors(Client& client, const FileRef& one, const FileRef& two, bool close_on_exec,
                           u64 address)
{
    const u64 first = TRY(add_descriptor(client, one, close_on_exec));
    const auto second = add_descriptor(client, two, close_on_exec);
    Status done = second ? Status{} : fail(second.error());
    if (done) {
        const u32 pair[2] = {static_cast<u32>(first), static_cast<u32>(*second)};
        done = copy_to_user(address, pair, sizeof(pair));
        if (done)
            return 0;
        (void)descriptors_of(client).remove(*second);
    }
    (void)descriptors_of(client).remove(first);
    return fail(done.error());
}

namespace {

Served new_pipe(Client& client, u64 address, u32 flags)
{
    if ((flags & ~(o_cloexec | o_nonblock | o_direct)) != 0)
        return fail(Errno::inval);
    const PipeEnds ends = TRY(make_pipe(flags));
    return add_two_descriptors(client, ends.reads, ends.writes, (flags & o_cloexec) != 0, address);
}

} // namespace

Served serve_pipe(Client& client, const Args& a)
{
    return new_pipe(client, a[0], 0);
}

Served serve_pipe2(Client& client, const Args& a)
{
    return new_pipe(client, a[0], static_cast<u32>(a[1]));
}

namespace {

struct LinuxDirent {
    u64 ino;
    u64 next;
    u16 length;
    u8 type;
} __attribute__((packed));
constexpr u64 dirent_name_at = 19;
constexpr u64 first_made = 1ull << 40; // places in a directory behind all names that are kept

struct Line {
    u64 ino = 0, next = 0;
    u32 mode = 0;
    u32 length = 0;
    char name[max_name + 1];
};

void set_line(Line& line, u64 ino, u32 mode, u64 next, std::string_view name)
{
    line.ino = ino;
    line.mode = mode;
    line.next = next;
    line.length = static_cast<u32>(name.size());
    __builtin_memcpy(line.name, name.data(), name.size());
}

// The entry behind that place; false: there is none.
bool next_line(Node& dir, u64 at, Line& line)
{
    LockGuard guard(names_lock);
    if (at < 2) {
        const Node& node = at == 0 || dir.parent == nullptr ? dir : *dir.parent;
        set_line(line, node.ino, mode_dir, at + 1, at == 0 ? "." : "..");
        return true;
    }
    for (const Entry* e = dir.first; e != nullptr; e = e->next) {
        if (e->cookie <= at)
            continue;
        set_line(line, e->node->ino, e->node->mode, e->cookie, e->view());
        return true;
    }
    Listed listed;
    const u64 index = at > first_made ? at - first_made : 0;
    if (!dir.is_dynamic_directory() || !dir.ops->list(dir, index, listed))
        return false;
    set_line(line, listed.ino, listed.mode, first_made + index + 1, listed.name);
    return true;
}

Served list_directory(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    if (!file->node->is_directory())
        return fail(Errno::notdir);
    {
        LockGuard guard(names_lock);
        if (file->node->links == 0 && !file->node->is_dynamic_directory())
            return fail(Errno::noent);
    }
    MutexGuard guard(file->position);
    u64 done = 0;
    Line line;
    while (next_line(*file->node, file->offset.load(), line)) {
        const u64 bytes = (dirent_name_at + line.length + 1 + 7) & ~7ull;
        if (bytes > a[2] - done)
            return done != 0 ? Served(done) : fail(Errno::inval);
        const LinuxDirent head{line.ino, line.next, static_cast<u16>(bytes),
                               static_cast<u8>((line.mode & mode_type) >> 12)};
        line.name[line.length] = '\0';
        const Status put = copy_to_user(a[1] + done, &head, dirent_name_at);
        if (!put || !copy_to_user(a[1] + done + dirent_name_at, line.name, line.length + 1))
            return done != 0 ? Served(done) : fail(Errno::fault);
        done += bytes;
        file->offset.store(line.next);
    }
    return done;
}

} // namespace

Served serve_getdents64(Client& client, const Args& a)
{
    return list_directory(client, a);
}

} // namespace still::services
