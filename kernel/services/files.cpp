// SPDX-License-Identifier: BSD-2-Clause
// Opening what a name stands for: plain files, directories, texts that are made when they are opened.
#include <base/format.hpp>
#include <mm/frame_allocator.hpp>
#include <services/open_file.hpp>
#include <services/pipe.hpp>

namespace still::services {

namespace {

Result<u64> read_plain(OpenFile& file, const Buffer& to, u64 bytes, u64 offset)
{
    return file.node->data.read(offset, to, bytes);
}

Result<u64> write_plain(OpenFile& file, const Buffer& from, u64 bytes, u64 offset)
{
    constexpr u32 set_ids = 06000, set_gid_of_group = 010;
    Node& node = *file.node;
    MutexGuard guard(node.writing);
    if ((file.flags.load() & o_append) != 0) {
        offset = node.data.size();
        file.offset.store(offset);
    }
    const u64 done = TRY(node.data.write(offset, from, bytes));
    LockGuard names(names_lock);
    node.touch(true);
    (void)set_ids, (void)set_gid_of_group; // the superuser's writes leave them
    return done;
}

u32 poll_always(OpenFile&)
{
    return poll_in | poll_out | poll_rdnorm | poll_wrnorm;
}

Result<u64> ioctl_plain(OpenFile& file, u32 request, u64 argument)
{
    constexpr u32 fionread = 0x541b;
    if (request != fionread || !file.node->is(mode_file))
        return fail(Errno::notty);
    const u64 size = file.node->data.size();
    const u64 at = file.offset.load();
    TRY_STATUS(UserOut<u32>(argument).write(static_cast<u32>(size > at ? size - at : 0)));
    return 0;
}

constinit const FileOps plain_ops = {
    .read = read_plain, .write = write_plain, .poll = poll_always, .ioctl = ioctl_plain, .seekable = true};

Result<u64> read_directory(OpenFile&, const Buffer&, u64, u64)
{
    return fail(Errno::isdir);
}

constinit const FileOps directory_ops = {
    .read = read_directory, .poll = poll_always, .ioctl = ioctl_plain, .seekable = true};

// Texts are made as a whole when they are opened, and kept as long as they are open.
struct MadeText {
    u64 bytes; // of the room
    u64 size;
    char* room;
};

Result<u64> read_made(OpenFile& file, const Buffer& to, u64 bytes, u64 offset)
{
    const auto& text = *static_cast<MadeText*>(file.state);
    if (offset >= text.size)
        return 0;
    bytes = min(bytes, text.size - offset);
    TRY_STATUS(to.put(0, text.room + offset, bytes));
    return bytes;
}

Result<u64> write_made(OpenFile& file, const Buffer& from, u64 bytes, u64)
{
    Node& node = *file.node;
    return node.ops->write != nullptr ? node.ops->write(node, from, bytes) : fail(Errno::inval);
}

void close_made(OpenFile& file)
{
    auto* text = static_cast<MadeText*>(file.state);
    give_bytes(text->room, text->bytes);
    destroy(text);
}

constinit const FileOps made_ops = {.read = read_made,
                                    .write = write_made,
                                    .poll = poll_always,
                                    .ioctl = ioctl_plain,
                                    .close = close_made,
                                    .seekable = true};

Status open_made(OpenFile& file)
{
    constexpr u64 least = 2 * page_size, most = 4 * MiB;
    for (u64 bytes = least; bytes <= most; bytes *= 4) {
        Scratch scratch(bytes);
        if (!scratch)
            return fail(Errno::nomem);
        TextBuffer out({scratch.data(), bytes});
        if (!file.node->ops->generate(*file.node, out))
            return fail(Errno::srch);
        const u64 size = out.view().size();
        if (size == bytes && bytes < most)
            continue; // some of it was cut off
        auto* text = make<MadeText>(MadeText{max<u64>(size, 1), size, nullptr});
        if (text != nullptr)
            text->room = static_cast<char*>(take_bytes(text->bytes));
        if (text == nullptr || text->room == nullptr) {
            if (text != nullptr)
                destroy(text);
            return fail(Errno::nomem);
        }
        __builtin_memcpy(text->room, scratch.data(), size);
        file.state = text;
        file.ops = &made_ops;
        return {};
    }
    return fail(Errno::nomem);
}

Status open_by_kind(Node& node, OpenFile& file)
{
    if (node.ops != nullptr && node.ops->open != nullptr)
        return node.ops->open(node, file);
    if (node.ops != nullptr && node.ops->generate != nullptr)
        return open_made(file);
    switch (node.mode & mode_type) {
    case mode_file:
        file.ops = &plain_ops;
        return {};
    case mode_dir:
        file.ops = &directory_ops;
        return file.may_write() ? fail(Errno::isdir) : Status{};
    case mode_fifo:
        return open_fifo(file);
    case mode_link:
        return fail(Errno::loop);
    default:
        return fail(Errno::nxio);
    }
}

} // namespace

Result<FileRef> open_node(const NodeRef& node, u32 flags)
{
    constexpr u32 kept = o_accmode | o_append | o_nonblock | o_dsync | o_async | o_direct | o_largefile |
                         o_directory | o_nofollow | o_noatime | o_sync | o_path;
    FileRef file(make<OpenFile>(node, flags & kept));
    if (!file)
        return fail(Errno::nfile);
    if ((flags & o_path) == 0)
        TRY_STATUS(open_by_kind(*node, *file));
    return file;
}

Result<FileRef> open_anonymous(const FileOps& ops, u32 flags, u32 mode)
{
    const NodeRef node(make<Node>(mode));
    if (!node)
        return fail(Errno::nfile);
    FileRef file(make<OpenFile>(node, flags));
    if (!file)
        return fail(Errno::nfile);
    file->ops = &ops;
    return file;
}

} // namespace still::services
