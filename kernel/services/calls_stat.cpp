// SPDX-License-Identifier: BSD-2-Clause
// What files are: stat(2) and its relatives, and the calls that change it.
#include <mm/frame_allocator.hpp>
#include <services/calls.hpp>

namespace still::services {

namespace {

constexpr u64 second = 1'000'000'000;
constexpr u64 device_number = 0x13; // of the one file system that there is

struct TimeSpec {
    i64 seconds;
    u64 ns;
};
TimeSpec to_timespec(u64 ns)
{
    return {static_cast<i64>(ns / second), ns % second};
}

struct LinuxStat { // struct stat
    u64 device, ino, links;
    u32 mode, uid, gid, pad;
    u64 special;
    i64 size, block_bytes, blocks;
    TimeSpec accessed, modified, changed;
    i64 reserved[3];
};
static_assert(sizeof(LinuxStat) == 144);

u64 blocks_of(const Node& node)
{
    return (node.size() + page_size - 1) / page_size * (page_size / 512);
}

LinuxStat stat_of(const Node& node)
{
    LockGuard guard(names_lock);
    LinuxStat s{};
    s.device = node.is(mode_fifo) || (node.mode & mode_type) == 0 ? device_number + 1 : device_number;
    s.ino = node.ino;
    s.links = max(node.links, node.parent == nullptr && !node.is(mode_file) ? 1u : node.links);
    s.mode = node.mode;
    s.uid = node.uid;
    s.gid = node.gid;
    s.special = node.is(mode_char) ? node.id : 0;
    s.size = static_cast<i64>(node.size());
    s.block_bytes = static_cast<i64>(page_size);
    s.blocks = static_cast<i64>(blocks_of(node));
    s.accessed = to_timespec(node.accessed);
    s.modified = to_timespec(node.modified);
    s.changed = to_timespec(node.changed);
    return s;
}

Served put_stat(const Node& node, u64 address)
{
    TRY_STATUS(UserOut<LinuxStat>(address).write(stat_of(node)));
    return 0;
}

struct StatxTime {
    i64 seconds;
    u32 ns;
    i32 reserved;
};
struct LinuxStatx {
    u32 mask, block_bytes;
    u64 attributes;
    u32 links, uid, gid;
    u16 mode, pad;
    u64 ino, size, blocks, attributes_mask;
    StatxTime accessed, born, changed, modified;
    u32 special_major, special_minor, device_major, device_minor;
    u64 mount;
    u32 direct_memory, direct_offset;
    u64 spare[12];
};
static_assert(sizeof(LinuxStatx) == 256);

u32 major_of(u64 device)
{
    return static_cast<u32>(device >> 8 & 0xfff);
}
u32 minor_of(u64 device)
{
    return static_cast<u32>((device & 0xff) | (device >> 12 & 0xfff00));
}

} // namespace

Served serve_stat(Client& client, const Args& a)
{
    return put_stat(*TRY(node_of(client, at_fdcwd, a[0], 0, true)), a[1]);
}
Served serve_lstat(Client& client, const Args& a)
{
    return put_stat(*TRY(node_of(client, at_fdcwd, a[0], 0, false)), a[1]);
}
Served serve_fstat(Client& client, const Args& a)
{
    return put_stat(*TRY(file_of(client, a[0]))->node, a[1]);
}
Served serve_newfstatat(Client& client, const Args& a)
{
    if ((a[3] & ~(at_symlink_nofollow | at_empty_path | at_no_automount)) != 0)
        return fail(Errno::inval);
    const bool follow = (a[3] & at_symlink_nofollow) == 0;
    return put_stat(*TRY(node_of(client, a[0], a[1], a[3], follow)), a[2]);
}

Served serve_statx(Client& client, const Args& a)
{
    constexpr u64 sync_type = 0x6000, reserved_mask = 0x80000000;
    constexpr u32 basic = 0x7ff, mount_id = 0x1000;
    if ((a[2] & ~(at_symlink_nofollow | at_empty_path | at_no_automount | sync_type)) != 0 ||
        (a[2] & sync_type) == sync_type || (a[3] & reserved_mask) != 0)
        return fail(Errno::inval);
    const NodeRef node = TRY(node_of(client, a[0], a[1], a[2], (a[2] & at_symlink_nofollow) == 0));
    const LinuxStat s = stat_of(*node);
    LinuxStatx x{};
    const auto to_time = [](const TimeSpec& t) { return StatxTime{t.seconds, static_cast<u32>(t.ns), 0}; };
    x.mask = basic | mount_id;
    x.block_bytes = static_cast<u32>(s.block_bytes);
    x.links = static_cast<u32>(s.links);
    x.mode = static_cast<u16>(s.mode);
    x.uid = s.uid;
    x.gid = s.gid;
    x.ino = s.ino;
    x.size = static_cast<u64>(s.size);
    x.blocks = static_cast<u64>(s.blocks);
    x.accessed = to_time(s.accessed);
    x.modified = to_time(s.modified);
    x.changed = to_time(s.changed);
    x.special_major = major_of(s.special);
    x.special_minor = minor_of(s.special);
    x.device_major = major_of(s.device);
    x.device_minor = minor_of(s.device);
    x.mount = 1;
    TRY_STATUS(UserOut<LinuxStatx>(a[4]).write(x));
    return 0;
}

namespace {

// The superuser may do all, but execute only what somebody may.
Served check_access(Client& client, u64 fd, u64 path, u64 mode, u64 flags)
{
    constexpr u64 at_eaccess = 0x200, execute = 1;
    if ((mode & ~7ull) != 0 || (flags & ~(at_eaccess | at_symlink_nofollow | at_empty_path)) != 0)
        return fail(Errno::inval);
    const NodeRef node = TRY(node_of(client, fd, path, flags, (flags & at_symlink_nofollow) == 0));
    if ((mode & execute) != 0 && !node->is_directory() && (node->mode & 0111) == 0)
        return fail(Errno::acces);
    return 0;
}

Served change_mode(const NodeRef& node, u64 mode)
{
    LockGuard guard(names_lock);
    if (node->is(mode_link))
        return fail(Errno::opnotsupp);
    node->mode = (node->mode & mode_type) | (static_cast<u32>(mode) & 07777);
    node->touch(false);
    return 0;
}

Served change_owner(const NodeRef& node, u64 uid, u64 gid)
{
    LockGuard guard(names_lock);
    if (static_cast<u32>(uid) != ~0u)
        node->uid = static_cast<u32>(uid);
    if (static_cast<u32>(gid) != ~0u)
        node->gid = static_cast<u32>(gid);
    if (!node->is_directory() && (static_cast<u32>(uid) != ~0u || static_cast<u32>(gid) != ~0u))
        node->mode &= ~((node->mode & 010) != 0 ? 06000u : 04000u);
    node->touch(false);
    return 0;
}

Served set_times(const NodeRef& node, const TimeSpec (&times)[2])
{
    constexpr u64 now = 0x3fffffff, omit = 0x3ffffffe;
    for (const TimeSpec& t : times)
        if (t.ns >= second && t.ns != now && t.ns != omit)
            return fail(Errno::inval);
    LockGuard guard(names_lock);
    node->touch(false);
    const auto to_ns = [&](const TimeSpec& t, u64 old) {
        if (t.ns == omit)
            return old;
        return t.ns == now ? node->changed : static_cast<u64>(t.seconds) * second + t.ns;
    };
    node->accessed = to_ns(times[0], node->accessed);
    node->modified = to_ns(times[1], node->modified);
    return 0;
}

Result<FileRef> changeable(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if ((file->flags.load() & o_path) != 0)
        return fail(Errno::badf);
    return file;
}

// Of struct timeval pairs; 0: now.
Served set_times_us(const NodeRef& node, u64 address)
{
    constexpr u64 now = 0x3fffffff;
    TimeSpec times[2] = {{0, now}, {0, now}};
    if (address != 0) {
        TRY_STATUS(copy_from_user(times, address, sizeof(times)));
        for (TimeSpec& t : times) {
            if (t.ns >= 1'000'000)
                return fail(Errno::inval);
            t.ns *= 1000;
        }
    }
    return set_times(node, times);
}

} // namespace

Served serve_access(Client& client, const Args& a)
{
    return check_access(client, at_fdcwd, a[0], a[1], 0);
}
Served serve_faccessat(Client& client, const Args& a)
{
    return check_access(client, a[0], a[1], a[2], 0);
}
Served serve_faccessat2(Client& client, const Args& a)
{
    return check_access(client, a[0], a[1], a[2], a[3]);
}
Served serve_chmod(Client& client, const Args& a)
{
    return change_mode(TRY(node_of(client, at_fdcwd, a[0], 0, true)), a[1]);
}
Served serve_fchmod(Client& client, const Args& a)
{
    return change_mode(TRY(changeable(client, a[0]))->node, a[1]);
}
Served serve_fchmodat(Client& client, const Args& a)
{
    return change_mode(TRY(node_of(client, a[0], a[1], 0, true)), a[2]);
}
Served serve_chown(Client& client, const Args& a)
{
    return change_owner(TRY(node_of(client, at_fdcwd, a[0], 0, true)), a[1], a[2]);
}
Served serve_lchown(Client& client, const Args& a)
{
    return change_owner(TRY(node_of(client, at_fdcwd, a[0], 0, false)), a[1], a[2]);
}
Served serve_fchown(Client& client, const Args& a)
{
    return change_owner(TRY(changeable(client, a[0]))->node, a[1], a[2]);
}
Served serve_fchownat(Client& client, const Args& a)
{
    if ((a[4] & ~(at_symlink_nofollow | at_empty_path)) != 0)
        return fail(Errno::inval);
    const bool follow = (a[4] & at_symlink_nofollow) == 0;
    return change_owner(TRY(node_of(client, a[0], a[1], a[4], follow)), a[2], a[3]);
}

Served serve_utimensat(Client& client, const Args& a)
{
    constexpr u64 now = 0x3fffffff;
    if ((a[3] & ~(at_symlink_nofollow | at_empty_path)) != 0)
        return fail(Errno::inval);
    TimeSpec times[2] = {{0, now}, {0, now}};
    if (a[2] != 0)
        TRY_STATUS(copy_from_user(times, a[2], sizeof(times)));
    const bool follow = (a[3] & at_symlink_nofollow) == 0;
    return set_times(TRY(node_of(client, a[0], a[1], a[1] == 0 ? at_empty_path : a[3], follow)), times);
}
Served serve_utimes(Client& client, const Args& a)
{
    return set_times_us(TRY(node_of(client, at_fdcwd, a[0], 0, true)), a[1]);
}
Served serve_futimesat(Client& client, const Args& a)
{
    return set_times_us(TRY(node_of(client, a[0], a[1], a[1] == 0 ? at_empty_path : 0, true)), a[2]);
}
Served serve_utime(Client& client, const Args& a)
{
    constexpr u64 now = 0x3fffffff;
    TimeSpec times[2] = {{0, now}, {0, now}};
    if (a[1] != 0) {
        times[0] = {TRY(UserIn<i64>(a[1]).read(0)), 0};
        times[1] = {TRY(UserIn<i64>(a[1]).read(1)), 0};
    }
    return set_times(TRY(node_of(client, at_fdcwd, a[0], 0, true)), times);
}

// Extended attributes: as of a file system that has none.
Served serve_path_attribute(Client& client, const Args& a)
{
    TRY(node_of(client, at_fdcwd, a[0], 0, true));
    return fail(Errno::opnotsupp);
}
Served serve_file_attribute(Client& client, const Args& a)
{
    TRY(file_of(client, a[0]));
    return fail(Errno::opnotsupp);
}

namespace {

struct LinuxStatfs {
    i64 type, block_bytes;
    u64 blocks, free, available, files, free_files;
    i32 id[2];
    i64 name_length, fragment, flags, spare[4];
};
static_assert(sizeof(LinuxStatfs) == 120);

Served put_statfs(u64 address)
{
    constexpr i64 tmpfs_magic = 0x01021994;
    LinuxStatfs s{};
    s.type = tmpfs_magic;
    s.block_bytes = s.fragment = static_cast<i64>(page_size);
    s.blocks = frames::total_bytes() / page_size;
    s.free = s.available = frames::free_bytes() / page_size;
    s.name_length = static_cast<i64>(max_name);
    TRY_STATUS(UserOut<LinuxStatfs>(address).write(s));
    return 0;
}

} // namespace

Served serve_statfs(Client& client, const Args& a)
{
    TRY(node_of(client, at_fdcwd, a[0], 0, true));
    return put_statfs(a[1]);
}
Served serve_fstatfs(Client& client, const Args& a)
{
    TRY(file_of(client, a[0]));
    return put_statfs(a[1]);
}

} // namespace still::services
