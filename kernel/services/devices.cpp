// SPDX-License-Identifier: BSD-2-Clause
#include <services/devices.hpp>
#include <services/open_file.hpp>
#include <services/random.hpp>
#include <services/terminal.hpp>

namespace still::services {

namespace {

constexpr u64 device(u64 major, u64 minor)
{
    return major << 8 | minor;
}
constexpr u64 dev_null = device(1, 3), dev_zero = device(1, 5), dev_full = device(1, 7),
              dev_random = device(1, 8), dev_urandom = device(1, 9), dev_tty = device(5, 0),
              dev_console = device(5, 1), dev_serial = device(4, 64);

Result<u64> read_nothing(OpenFile&, const Buffer&, u64, u64)
{
    return 0;
}
Result<u64> read_zeros(OpenFile&, const Buffer& to, u64 bytes, u64)
{
    TRY_STATUS(to.put_zeros(0, bytes));
    return bytes;
}
Result<u64> read_random(OpenFile&, const Buffer& to, u64 bytes, u64)
{
    u8 room[256];
    for (u64 done = 0; done < bytes;) {
        const u64 piece = min<u64>(bytes - done, sizeof(room));
        random_bytes(room, piece);
        if (!to.put(done, room, piece))
            return done != 0 ? Result<u64>(done) : fail(Errno::fault);
        done += piece;
    }
    return bytes;
}
Result<u64> write_nowhere(OpenFile&, const Buffer&, u64 bytes, u64)
{
    return bytes;
}
Result<u64> write_full(OpenFile&, const Buffer&, u64 bytes, u64)
{
    return bytes == 0 ? Result<u64>(0) : fail(Errno::nospc);
}
u32 poll_always(OpenFile&)
{
    return poll_in | poll_out | poll_rdnorm | poll_wrnorm;
}
Result<u64> ioctl_none(OpenFile&, u32, u64)
{
    return fail(Errno::notty);
}

constinit const FileOps null_ops = {
    .read = read_nothing, .write = write_nowhere, .poll = poll_always, .ioctl = ioctl_none, .seekable = true};
constinit const FileOps zero_ops = {
    .read = read_zeros, .write = write_nowhere, .poll = poll_always, .ioctl = ioctl_none, .seekable = true};
constinit const FileOps full_ops = {
    .read = read_zeros, .write = write_full, .poll = poll_always, .ioctl = ioctl_none, .seekable = true};
constinit const FileOps random_ops = {
    .read = read_random, .write = write_nowhere, .poll = poll_always, .ioctl = ioctl_none, .seekable = true};
Status open_device(Node& node, OpenFile& file)
{
    switch (node.id) {
    case dev_null:
        file.ops = &null_ops;
        return {};
    case dev_zero:
        file.ops = &zero_ops;
        return {};
    case dev_full:
        file.ops = &full_ops;
        return {};
    case dev_random:
    case dev_urandom:
        file.ops = &random_ops;
        return {};
    case dev_tty:
        if (!has_terminal(current_client()))
            return fail(Errno::nxio);
        [[fallthrough]];
    default:
        file.ops = &terminal_ops;
        return {};
    }
}

constinit const NodeOps device_ops = {.open = open_device};

Node* console = nullptr;

bool make_link(std::string_view path, std::string_view target)
{
    Node* node = put_node(path, mode_link | 0777, nullptr);
    return node != nullptr && node->target.assign(target);
}

} // namespace

bool make_devices()
{
    struct Row {
        const char* path;
        u64 number;
        u32 mode;
    };
    constexpr Row rows[] = {{"/dev/null", dev_null, 0666},       {"/dev/zero", dev_zero, 0666},
                            {"/dev/full", dev_full, 0666},       {"/dev/random", dev_random, 0666},
                            {"/dev/urandom", dev_urandom, 0666}, {"/dev/tty", dev_tty, 0666},
                            {"/dev/ttyS0", dev_serial, 0660},    {"/dev/console", dev_console, 0600}};
    for (const Row& row : rows) {
        console = put_node(row.path, mode_char | row.mode, &device_ops, row.number);
        if (console == nullptr)
            return false;
    }
    Node* shm = make_directories("/dev/shm");
    Node* tmp = make_directories("/tmp");
    if (shm == nullptr || tmp == nullptr)
        return false;
    shm->mode = tmp->mode = mode_dir | 01777;
    return make_link("/dev/fd", "/proc/self/fd") && make_link("/dev/stdin", "/proc/self/fd/0") &&
           make_link("/dev/stdout", "/proc/self/fd/1") && make_link("/dev/stderr", "/proc/self/fd/2");
}

bool is_zero_device(const Node& node)
{
    return node.ops == &device_ops && node.id == dev_zero;
}

Node* console_node()
{
    return console;
}

} // namespace still::services
