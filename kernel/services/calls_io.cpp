// SPDX-License-Identifier: BSD-2-Clause
// Reading and writing through descriptors.
#include <arch/layout.hpp>
#include <mm/frame_allocator.hpp>
#include <services/calls.hpp>
#include <services/shared_memory.hpp>
#include <services/transfer.hpp>

namespace still::services {

namespace {

constexpr u32 max_vectors = 1024;

struct Vector {
    u64 base, bytes;
};

} // namespace

Result<FileRef> readable(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if (!file->may_read())
        return fail(Errno::badf);
    if (file->ops == nullptr || file->ops->read == nullptr)
        return fail(Errno::inval);
    return file;
}

Result<FileRef> writable(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if (!file->may_write())
        return fail(Errno::badf);
    if (file->ops == nullptr || file->ops->write == nullptr)
        return fail(Errno::inval);
    return file;
}

u32 poll_of(OpenFile& file)
{
    return file.ops->poll != nullptr ? file.ops->poll(file) : poll_in | poll_out;
}

// At the file's own offset, which moves; or at a given one.
u64 Buffer::writable(u64 bytes) const
{
    u64 good = 0;
    while (!kernel_ && good < bytes && address_ + good < arch::user_limit) {
        const UserAddr at(address_ + good);
        if (resolve_fault(*current_task().owner, at, Access::write).signo != 0)
            break;
        good += page_size - at.raw() % page_size;
    }
    return min(good, bytes);
}

namespace {

// Of a file: where a part of the program's memory is not there, what comes before it is filled, as on Linux.
Result<u64> move_at(OpenFile& file, Transfer move, const Buffer& buffer, u64 bytes, u64 offset)
{
    const Result<u64> done = move(file, buffer, bytes, offset);
    if (done || done.error() != Errno::fault || move != file.ops->read)
        return done;
    const u64 less = buffer.writable(bytes);
    return less != 0 && less < bytes ? move(file, buffer, less, offset) : done;
}

} // namespace

Result<u64> transfer(OpenFile& file, Transfer move, const Buffer& buffer, u64 bytes, u64 offset)
{
    if (bytes > max_transfer)
        bytes = max_transfer;
    if (!file.ops->seekable)
        return move(file, buffer, bytes, 0);
    if (offset != no_offset)
        return move_at(file, move, buffer, bytes, offset);
    MutexGuard guard(file.position);
    const u64 done = TRY(move_at(file, move, buffer, bytes, file.offset.load()));
    file.offset.fetch_add(done);
    return done;
}

namespace {

Status check_offset(const OpenFile& file, u64 offset)
{
    if (static_cast<i64>(offset) < 0)
        return fail(Errno::inval);
    return file.ops->seekable ? Status{} : fail(Errno::spipe);
}

// What a file may grow to (RLIMIT_FSIZE).
Result<u64> limited(Client& client, OpenFile& file, u64 offset, u64 bytes)
{
    const u64 limit = client.limits[limit_fsize].soft;
    if (limit == ~0ull || !file.node->is(mode_file))
        return bytes;
    const u64 at = (file.flags.load() & o_append) != 0 ? file.node->data.size()
                   : offset != no_offset               ? offset
                                                       : file.offset.load();
    if (at >= limit && bytes != 0) {
        Task& task = current_task();
        (void)send_signal(*task.owner, task.tid, sent_signal(sig_xfsz, si_user, client.pid, 0));
        return fail(Errno::fbig);
    }
    return min(bytes, limit - at);
}

} // namespace

Served vectors(OpenFile& file, Transfer move, u64 list, u64 count, u64 offset)
{
    if (count > max_vectors)
        return fail(Errno::inval);
    u64 all = 0;
    for (u64 i = 0; i < count; ++i) {
        const Vector v = TRY(UserIn<Vector>(list).read(i));
        all += v.bytes;
        if (static_cast<i64>(v.bytes) < 0 || all >> 63 != 0)
            return fail(Errno::inval);
    }
    u64 done = 0;
    for (u64 i = 0; i < count; ++i) {
        const Vector v = TRY(UserIn<Vector>(list).read(i));
        if (v.bytes > all) // another thread has changed the list
            return done != 0 ? Served(done) : fail(Errno::inval);
        all -= v.bytes;
        if (v.bytes == 0 && (count != 1 || done != 0))
            continue;
        const u64 at = offset == no_offset ? no_offset : offset + done;
        const auto moved = transfer(file, move, Buffer::of_user(v.base), v.bytes, at);
        if (!moved)
            return done != 0 ? Served(done) : fail(moved.error());
        done += *moved;
        if (*moved < v.bytes)
            break;
        // What is there is enough: waiting for more is not for this call.
        if (!file.ops->seekable && move == file.ops->read && file.ops->poll != nullptr &&
            (file.ops->poll(file) & poll_in) == 0)
            break;
    }
    return done;
}

Served serve_read(Client& client, const Args& a)
{
    const FileRef file = TRY(readable(client, a[0]));
    return transfer(*file, file->ops->read, Buffer::of_user(a[1]), a[2], no_offset);
}

Served serve_write(Client& client, const Args& a)
{
    const FileRef file = TRY(writable(client, a[0]));
    const u64 bytes = TRY(limited(client, *file, no_offset, a[2]));
    return transfer(*file, file->ops->write, Buffer::of_user(a[1]), bytes, no_offset);
}

Served serve_pread64(Client& client, const Args& a)
{
    const FileRef file = TRY(readable(client, a[0]));
    TRY_STATUS(check_offset(*file, a[3]));
    return transfer(*file, file->ops->read, Buffer::of_user(a[1]), a[2], a[3]);
}

Served serve_pwrite64(Client& client, const Args& a)
{
    const FileRef file = TRY(writable(client, a[0]));
    TRY_STATUS(check_offset(*file, a[3]));
    const u64 bytes = TRY(limited(client, *file, a[3], a[2]));
    return transfer(*file, file->ops->write, Buffer::of_user(a[1]), bytes, a[3]);
}

Served serve_readv(Client& client, const Args& a)
{
    const FileRef file = TRY(readable(client, a[0]));
    return vectors(*file, file->ops->read, a[1], a[2], no_offset);
}

Served serve_writev(Client& client, const Args& a)
{
    const FileRef file = TRY(writable(client, a[0]));
    return vectors(*file, file->ops->write, a[1], a[2], no_offset);
}

Served serve_preadv(Client& client, const Args& a)
{
    const FileRef file = TRY(readable(client, a[0]));
    TRY_STATUS(check_offset(*file, a[3]));
    return vectors(*file, file->ops->read, a[1], a[2], a[3]);
}

Served serve_pwritev(Client& client, const Args& a)
{
    const FileRef file = TRY(writable(client, a[0]));
    TRY_STATUS(check_offset(*file, a[3]));
    return vectors(*file, file->ops->write, a[1], a[2], a[3]);
}

Served serve_lseek(Client& client, const Args& a)
{
    constexpr u64 set = 0, current = 1, end = 2, data = 3, hole = 4;
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    const std::string_view label =
        file->ops != nullptr && file->ops->label != nullptr ? file->ops->label : "";
    if (label.starts_with("anon_inode:"))
        return 0; // events have no places: as Linux's noop_llseek()
    if (file->ops == nullptr || !file->ops->seekable)
        return fail(Errno::spipe);
    MutexGuard guard(file->position);
    const u64 size = file->node->size();
    i64 to = static_cast<i64>(a[1]);
    switch (a[2]) {
    case set:
        break;
    case current:
        if (__builtin_add_overflow(to, static_cast<i64>(file->offset.load()), &to))
            return fail(Errno::overflow);
        break;
    case end:
        if (__builtin_add_overflow(to, static_cast<i64>(size), &to))
            return fail(Errno::overflow);
        break;
    case data: // a file without holes, for all that is told
    case hole:
        if (to < 0 || static_cast<u64>(to) >= size)
            return fail(Errno::nxio);
        to = a[2] == data ? to : static_cast<i64>(size);
        break;
    default:
        return fail(Errno::inval);
    }
    if (to < 0)
        return fail(Errno::inval);
    file->offset.store(static_cast<u64>(to));
    return static_cast<u64>(to);
}

Served serve_fsync(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    return file->node->is(mode_file) || file->node->is_directory() ? Served(0) : fail(Errno::inval);
}

Served serve_sync(Client&, const Args&)
{
    return 0; // memory is all there is
}

Served serve_syncfs(Client& client, const Args& a)
{
    TRY(file_of(client, a[0]));
    return 0;
}

namespace {

Served resize(Client& client, Node& node, u64 size)
{
    if (static_cast<i64>(size) < 0)
        return fail(Errno::inval);
    if (node.is_directory())
        return fail(Errno::isdir);
    if (!node.is(mode_file) || node.ops != nullptr)
        return fail(Errno::inval);
    if (size > client.limits[limit_fsize].soft)
        return fail(Errno::fbig);
    MutexGuard guard(node.writing);
    TRY_STATUS(resize_file(node, size));
    LockGuard names(names_lock);
    node.touch(true);
    return 0;
}

} // namespace

Served serve_ftruncate(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    if (!file->may_write() || file->node->is_directory())
        return fail(Errno::inval);
    return resize(client, *file->node, a[1]);
}

Served serve_truncate(Client& client, const Args& a)
{
    if (static_cast<i64>(a[1]) < 0)
        return fail(Errno::inval);
    const NodeRef node = TRY(node_of(client, at_fdcwd, a[0], 0, true));
    return resize(client, *node, a[1]);
}

Served serve_fallocate(Client& client, const Args& a)
{
    constexpr u64 keep_size = 1;
    const FileRef file = TRY(file_of(client, a[0]));
    if (!file->may_write())
        return fail(Errno::badf);
    if (static_cast<i64>(a[2]) < 0 || static_cast<i64>(a[3]) <= 0)
        return fail(Errno::inval);
    if ((a[1] & ~keep_size) != 0)
        return fail(Errno::opnotsupp);
    if (file->node->is(mode_fifo))
        return fail(Errno::spipe);
    if (!file->node->is(mode_file))
        return fail(Errno::nodev);
    if (a[2] + a[3] > max_file_bytes)
        return fail(Errno::fbig);
    if (a[2] + a[3] > file->node->data.size() + frames::free_bytes())
        return fail(Errno::nospc);
    if (a[1] == 0 && a[2] + a[3] > file->node->data.size())
        return resize(client, *file->node, a[2] + a[3]);
    return 0;
}

namespace {

constexpr u64 current_offset = ~0ull; // of preadv2 and pwritev2: -1
constexpr u64 known_rw_flags = 0x1f, rw_append = 0x10;

} // namespace

Served serve_preadv2(Client& client, const Args& a)
{
    if ((a[5] & ~known_rw_flags) != 0 || (a[5] & rw_append) != 0)
        return fail(Errno::opnotsupp);
    return a[3] == current_offset ? serve_readv(client, a) : serve_preadv(client, a);
}

Served serve_pwritev2(Client& client, const Args& a)
{
    if ((a[5] & ~known_rw_flags) != 0 || (a[5] & rw_append) != 0)
        return fail(Errno::opnotsupp);
    return a[3] == current_offset ? serve_writev(client, a) : serve_pwritev(client, a);
}

Served serve_fadvise64(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if (file->node->is(mode_fifo))
        return fail(Errno::spipe);
    return a[3] <= 5 ? Served(0) : fail(Errno::inval);
}

} // namespace still::services
