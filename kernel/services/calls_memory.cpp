// SPDX-License-Identifier: BSD-2-Clause
// Memory mappings of files and of shared memory, as the LWK asks for them.
#include <services/calls.hpp>
#include <services/devices.hpp>
#include <services/program.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

constexpr u64 map_shared_flag = 1, map_anonymous = 0x20;

Image& image_of(Client& client)
{
    return *client.image;
}

} // namespace

Served serve_map_file(Client& client, const Args& a)
{
    const FileRef file = TRY(file_of(client, a[0]));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    if (!file->may_read())
        return fail(Errno::acces);
    if (a[3] > ~a[4])
        return fail(Errno::overflow);
    if (file->node->ops != nullptr || !file->node->is(mode_file))
        return fail(Errno::nodev); // then it asks for a mapping of ours
    return TRY(add_file_handle(image_of(client), file->node));
}

// With MAP_FIXED at a place that the LWK holds free for it; at 0: only whether it could be.
Served serve_mmap(Client& client, const Args& a)
{
    // What MAP_SHARED_VALIDATE knows here (LEGACY_MAP_MASK of linux/mman.h), and the LWK's own MAP_FIXED_NOREPLACE.
    constexpr u64 kinds = 3, known = 0x7f9f3 | 0x4000000 | 0x100000 | 0xfc000000;
    if ((a[3] & kinds) == kinds && (a[3] & ~known) != 0)
        return fail(Errno::opnotsupp);
    NodeRef node;
    bool may_write = true;
    u64 offset = a[5];
    FileRef file;
    if ((a[3] & map_anonymous) == 0) {
        file = TRY(file_of(client, a[4]));
        if (!file->may_read())
            return fail((file->flags.load() & o_path) != 0 ? Errno::badf : Errno::acces);
        may_write = file->may_write();
        node = file->node;
    }
    const bool is_zero = !file || is_zero_device(*node);
    if (is_zero) {
        node = NodeRef(make<Node>(mode_file | 0600));
        if (!node)
            return fail(Errno::nomem);
        FrameChain none;
        TRY_STATUS(node->data.resize(a[1], none));
        offset = 0;
        may_write = true;
    }
    if ((a[3] & 3) != map_shared_flag && (a[3] & 3) != 3 && !is_zero)
        return fail(Errno::nodev);
    if (node->ops != nullptr)
        return fail(Errno::nodev);
    return map_shared(client, a[0], a[1], a[2], node, may_write, offset);
}

Served serve_munmap(Client&, const Args&)
{
    return 0; // of the trial at 0
}

Served serve_map_back(Client& client, const Args& a)
{
    TRY_STATUS(unmap_shared(image_of(client), {UserAddr(a[0]), UserAddr(a[0] + a[1])}));
    return 0;
}

Served serve_mprotect(Client& client, const Args& a)
{
    TRY_STATUS(
        protect_shared(image_of(client), {UserAddr(a[0]), UserAddr(a[0] + a[1])}, static_cast<u8>(a[2] & 7)));
    return 0;
}

Served serve_remap(Client& client, const Args& a)
{
    return remap_shared(image_of(client), a[0], a[1], a[2], a[3]);
}

Served serve_msync(Client&, const Args&)
{
    return 0; // the pages are the file's own
}

Served serve_madvise(Client&, const Args& a)
{
    constexpr u64 remove = 9;
    return a[2] == remove ? fail(Errno::opnotsupp) : Served(0);
}

Served serve_mincore(Client&, const Args& a)
{
    for (u64 i = 0; i < (a[1] + page_size - 1) / page_size; ++i)
        TRY_STATUS(UserOut<u8>(a[2]).write(1, i));
    return 0;
}

Served serve_mlock(Client&, const Args&)
{
    return 0; // nothing is ever taken away
}

} // namespace still::services
