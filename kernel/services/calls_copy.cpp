// SPDX-License-Identifier: BSD-2-Clause
// From one file to another: sendfile(2), copy_file_range(2), splice(2), vmsplice(2). The bytes are copied.
#include <services/calls.hpp>
#include <services/transfer.hpp>

namespace still::services {

namespace {

// From one file to another, by way of a page or a few.
Served copy_bytes(OpenFile& in, OpenFile& out, u64& in_offset, u64& out_offset, u64 bytes)
{
    constexpr u64 piece_bytes = 16 * page_size;
    Scratch room(piece_bytes);
    if (!room)
        return fail(Errno::nomem);
    u64 done = 0;
    while (done < bytes) {
        const auto got =
            in.ops->read(in, Buffer::of_kernel(room.data()), min(bytes - done, piece_bytes), in_offset);
        if (!got || *got == 0)
            return done != 0 || got ? Served(done) : fail(got.error());
        const auto put = transfer(out, out.ops->write, Buffer::of_kernel(room.data()), *got, out_offset);
        if (!put)
            return done != 0 ? Served(done) : fail(put.error());
        in_offset += *put;
        if (out_offset != no_offset)
            out_offset += *put;
        done += *put;
        if (*put < *got)
            break;
    }
    return done;
}

} // namespace

Served serve_sendfile(Client& client, const Args& a)
{
    const FileRef out = TRY(writable(client, a[0]));
    const FileRef in = TRY(readable(client, a[1]));
    if (!in->ops->seekable)
        return fail(a[2] != 0 ? Errno::spipe : Errno::inval);
    if ((out->flags.load() & o_append) != 0)
        return fail(Errno::inval);
    u64 at = a[2] != 0 ? TRY(UserIn<u64>(a[2]).read()) : in->offset.load();
    u64 own = no_offset;
    const u64 done = TRY(copy_bytes(*in, *out, at, own, min(a[3], max_transfer)));
    if (a[2] != 0)
        TRY_STATUS(UserOut<u64>(a[2]).write(at));
    else
        in->offset.store(at);
    return done;
}

Served serve_copy_file_range(Client& client, const Args& a)
{
    const FileRef in = TRY(readable(client, a[0]));
    const FileRef out = TRY(writable(client, a[2]));
    if (in->node->is_directory() || out->node->is_directory())
        return fail(Errno::isdir);
    if (!in->node->is(mode_file) || !out->node->is(mode_file) || a[5] != 0)
        return fail(Errno::inval);
    if ((out->flags.load() & o_append) != 0)
        return fail(Errno::badf);
    u64 from = a[1] != 0 ? TRY(UserIn<u64>(a[1]).read()) : in->offset.load();
    u64 to = a[3] != 0 ? TRY(UserIn<u64>(a[3]).read()) : out->offset.load();
    const u64 bytes = min(a[4], max_transfer);
    if (in->node.get() == out->node.get() && from < to + bytes && to < from + bytes)
        return fail(Errno::inval);
    const u64 done = TRY(copy_bytes(*in, *out, from, to, bytes));
    if (a[1] != 0)
        TRY_STATUS(UserOut<u64>(a[1]).write(from));
    else
        in->offset.store(from);
    if (a[3] != 0)
        TRY_STATUS(UserOut<u64>(a[3]).write(to));
    else
        out->offset.store(to);
    return done;
}

Served serve_splice(Client& client, const Args& a)
{
    const FileRef in = TRY(readable(client, a[0]));
    const FileRef out = TRY(writable(client, a[2]));
    if (!in->node->is(mode_fifo) && !out->node->is(mode_fifo))
        return fail(Errno::inval);
    if ((a[1] != 0 && !in->ops->seekable) || (a[3] != 0 && !out->ops->seekable))
        return fail(Errno::spipe);
    constexpr u64 piece_bytes = 16 * page_size, nonblocking = 2;
    Scratch room(piece_bytes);
    if (!room)
        return fail(Errno::nomem);
    if ((a[5] & nonblocking) != 0 && ((poll_of(*in) & poll_in) == 0 || (poll_of(*out) & poll_out) == 0))
        return fail(Errno::again);
    u64 from = a[1] != 0 ? TRY(UserIn<u64>(a[1]).read()) : no_offset;
    u64 to = a[3] != 0 ? TRY(UserIn<u64>(a[3]).read()) : no_offset;
    const Buffer buffer = Buffer::of_kernel(room.data());
    const u64 got = TRY(transfer(*in, in->ops->read, buffer, min(a[4], piece_bytes), from));
    const u64 put = TRY(transfer(*out, out->ops->write, buffer, got, to));
    if (a[1] != 0)
        TRY_STATUS(UserOut<u64>(a[1]).write(from + got));
    if (a[3] != 0)
        TRY_STATUS(UserOut<u64>(a[3]).write(to + put));
    return put;
}

// The pages are copied: nothing tells the difference but time.
Served serve_vmsplice(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if (!file->node->is(mode_fifo))
        return fail(Errno::badf);
    if (file->may_write())
        return vectors(*file, file->ops->write, a[1], a[2], no_offset);
    return vectors(*file, file->ops->read, a[1], a[2], no_offset);
}

} // namespace still::services
