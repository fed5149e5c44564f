// SPDX-License-Identifier: BSD-2-Clause
// socketpair(2) of Unix stream sockets: two pipes, one for each direction. There are no other sockets: nobody to talk
// to. An end has the pipe that it reads as its node's, and a reference to the node of the other.
#include <services/pipe.hpp>
#include <services/transfer.hpp>

namespace still::services {

namespace {

constexpr u32 af_unix = 1, sock_stream = 1, sock_dgram = 2, sock_seqpacket = 5;
constexpr u32 sock_nonblock = o_nonblock, sock_cloexec = o_cloexec;
constexpr u32 msg_dontwait = 0x40, msg_waitall = 0x100, msg_nosignal = 0x4000, msg_more = 0x8000,
              msg_cmsg_cloexec = 0x40000000;
constexpr u64 shut_read = 1, shut_write = 2; // bits of OpenFile::number
constexpr u32 poll_rdhup = 0x2000;

Pipe& incoming(OpenFile& file)
{
    return *file.node->pipe.load();
}
Pipe& outgoing(OpenFile& file)
{
    return *static_cast<Node*>(file.state)->pipe.load();
}
bool is_shut(OpenFile& file, u64 side)
{
    return (__atomic_load_n(&file.number, __ATOMIC_ACQUIRE) & side) != 0;
}

template <u32 flags> Result<u64> receive(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    if (is_shut(file, shut_read))
        return 0;
    return incoming(file).read(to, bytes, (flags & msg_dontwait) == 0 && !file.is_nonblocking());
}

template <u32 flags> Result<u64> send(OpenFile& file, const Buffer& from, u64 bytes, u64)
{
    constexpr bool signals = (flags & msg_nosignal) == 0;
    if (is_shut(file, shut_write))
        return broken_pipe(signals);
    return outgoing(file).write(from, bytes, (flags & msg_dontwait) == 0 && !file.is_nonblocking(), signals);
}

u32 poll_socket(OpenFile& file)
{
    const bool ended = is_shut(file, shut_read) || !incoming(file).has_writers();
    const bool broken = is_shut(file, shut_write) || !outgoing(file).has_readers();
    u32 events = 0;
    if (ended || incoming(file).filled() != 0)
        events |= poll_in | poll_rdnorm;
    if (broken || (outgoing(file).poll(false, true) & poll_out) != 0)
        events |= poll_out | poll_wrnorm;
    return events | (ended ? poll_rdhup : 0) | (ended && broken ? poll_hup : 0);
}

Result<u64> ioctl_socket(OpenFile& file, u32 request, u64 argument)
{
    constexpr u32 fionread = 0x541b;
    if (request != fionread)
        return fail(Errno::notty);
    TRY_STATUS(UserOut<u32>(argument).write(static_cast<u32>(incoming(file).filled())));
    return 0;
}

void shut(OpenFile& file, u64 sides)
{
    const u64 were = __atomic_fetch_or(&file.number, sides, __ATOMIC_ACQ_REL);
    if ((sides & ~were & shut_read) != 0)
        incoming(file).leave(true, false);
    if ((sides & ~were & shut_write) != 0)
        outgoing(file).leave(false, true);
}

void close_socket(OpenFile& file)
{
    shut(file, shut_read | shut_write);
    static_cast<Node*>(file.state)->release();
}

u64 socket_activity(OpenFile& file)
{
    return incoming(file).activity() + outgoing(file).activity();
}

constinit const FileOps socket_ops = {.read = receive<0>,
                                      .write = send<0>,
                                      .poll = poll_socket,
                                      .ioctl = ioctl_socket,
                                      .close = close_socket,
                                      .label = "socket",
                                      .activity = socket_activity};

Result<FileRef> socket_of(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if (file->ops != &socket_ops)
        return fail(Errno::notsock);
    return file;
}

NodeRef make_end()
{
    NodeRef node(make<Node>(mode_socket | 0777));
    if (node)
        node->pipe = Pipe::make_pipe();
    return node && node->pipe.load() != nullptr ? std::move(node) : NodeRef();
}

FileRef open_end(NodeRef& own, NodeRef& other, u32 flags)
{
    FileRef file(make<OpenFile>(own, (flags & o_nonblock) | o_rdwr));
    if (!file)
        return {};
    other->retain();
    file->state = other.get();
    file->ops = &socket_ops;
    (void)own->pipe.load()->join(true, false);
    (void)other->pipe.load()->join(false, true);
    return file;
}

Transfer receiver(u64 flags)
{
    return (flags & msg_dontwait) != 0 ? receive<msg_dontwait> : receive<0>;
}
Transfer sender(u64 flags)
{
    constexpr Transfer all[] = {send<0>, send<msg_dontwait>, send<msg_nosignal>,
                                send < msg_dontwait | msg_nosignal > };
    return all[((flags & msg_dontwait) != 0 ? 1 : 0) + ((flags & msg_nosignal) != 0 ? 2 : 0)];
}

Status check_flags(u64 flags, u64 known)
{
    return (flags & ~known) == 0 ? Status{} : fail(Errno::opnotsupp);
}
constexpr u64 known_receive = msg_dontwait | msg_waitall | msg_nosignal | msg_cmsg_cloexec,
              known_send = msg_dontwait | msg_nosignal | msg_more;

// struct msghdr
struct Message {
    u64 name;
    u32 name_bytes;
    u64 vectors, num_vectors, control, control_bytes;
    u32 flags;
};
static_assert(sizeof(Message) == 56);

// The name of a socket without one.
Served put_name(u64 address, u64 length)
{
    const u32 room = TRY(UserIn<u32>(length).read());
    const u16 family = af_unix;
    if (static_cast<i32>(room) < 0)
        return fail(Errno::inval);
    TRY_STATUS(copy_to_user(address, &family, min<u64>(room, sizeof(family))));
    TRY_STATUS(UserOut<u32>(length).write(sizeof(family)));
    return 0;
}

} // namespace

Served serve_socketpair(Client& client, const Args& a)
{
    const u32 type = static_cast<u32>(a[1]) & 0xf;
    const u32 flags = static_cast<u32>(a[1]) & ~0xfu;
    if ((flags & ~(sock_nonblock | sock_cloexec)) != 0)
        return fail(Errno::inval);
    if (a[0] != af_unix)
        return fail(Errno::afnosupport);
    if (type == sock_dgram || type == sock_seqpacket)
        return fail(Errno::opnotsupp);
    if (type != sock_stream)
        return fail(Errno::socktnosupport);
    NodeRef one = make_end(), two = make_end();
    if (!one || !two)
        return fail(Errno::nfile);
    const FileRef first = open_end(one, two, flags), second = open_end(two, one, flags);
    if (!first || !second)
        return fail(Errno::nfile);
    return add_two_descriptors(client, first, second, (flags & sock_cloexec) != 0, a[3]);
}

Served serve_sendto(Client& client, const Args& a)
{
    const FileRef file = TRY(socket_of(client, a[0]));
    TRY_STATUS(check_flags(a[3], known_send));
    if (a[4] != 0)
        return fail(Errno::isconn);
    return transfer(*file, sender(a[3]), Buffer::of_user(a[1]), a[2], no_offset);
}

Served serve_recvfrom(Client& client, const Args& a)
{
    const FileRef file = TRY(socket_of(client, a[0]));
    TRY_STATUS(check_flags(a[3], known_receive));
    u64 done = 0;
    do {
        const auto got =
            transfer(*file, receiver(a[3]), Buffer::of_user(a[1]) + done, a[2] - done, no_offset);
        if (!got && done == 0)
            return fail(got.error());
        if (!got || *got == 0)
            break;
        done += *got;
    } while ((a[3] & msg_waitall) != 0 && done < a[2]);
    if (a[4] != 0 && a[5] != 0)
        TRY_STATUS(UserOut<u32>(a[5]).write(0));
    return done;
}

Served serve_sendmsg(Client& client, const Args& a)
{
    const FileRef file = TRY(socket_of(client, a[0]));
    const Message message = TRY(UserIn<Message>(a[1]).read());
    TRY_STATUS(check_flags(a[2], known_send));
    if (message.name != 0 && message.name_bytes != 0)
        return fail(Errno::isconn);
    if (message.control_bytes != 0)
        return fail(Errno::opnotsupp); // descriptors are not passed
    return vectors(*file, sender(a[2]), message.vectors, message.num_vectors, no_offset);
}

Served serve_recvmsg(Client& client, const Args& a)
{
    const FileRef file = TRY(socket_of(client, a[0]));
    Message message = TRY(UserIn<Message>(a[1]).read());
    TRY_STATUS(check_flags(a[2], known_receive & ~msg_waitall));
    const u64 got = TRY(vectors(*file, (a[2] & msg_dontwait) != 0 ? receive<msg_dontwait> : file->ops->read,
                                message.vectors, message.num_vectors, no_offset));
    message.name_bytes = 0;
    message.control_bytes = 0;
    message.flags = 0;
    TRY_STATUS(UserOut<Message>(a[1]).write(message));
    return got;
}

Served serve_shutdown(Client& client, const Args& a)
{
    const FileRef file = TRY(socket_of(client, a[0]));
    if (a[1] > 2)
        return fail(Errno::inval);
    shut(*file, a[1] + 1); // SHUT_RD, SHUT_WR, SHUT_RDWR
    return 0;
}

Served serve_getsockname(Client& client, const Args& a)
{
    TRY(socket_of(client, a[0]));
    return put_name(a[1], a[2]);
}

Served serve_setsockopt(Client& client, const Args& a)
{
    constexpr u64 sol_socket = 1, so_sndbuf = 7, so_rcvbuf = 8;
    TRY(socket_of(client, a[0]));
    if (static_cast<i32>(a[4]) < static_cast<i32>(sizeof(u32)))
        return fail(Errno::inval);
    TRY(UserIn<u32>(a[3]).read());
    // A wish: they have what getsockopt tells.
    return a[1] == sol_socket && (a[2] == so_sndbuf || a[2] == so_rcvbuf) ? Served(0)
                                                                          : fail(Errno::noprotoopt);
}

Served serve_getsockopt(Client& client, const Args& a)
{
    struct Option {
        u64 name;
        u32 value;
    };
    constexpr Option options[] = {
        {3, sock_stream}, {4, 0},  {7, Pipe::capacity}, {8, Pipe::capacity},
        {30, 0},          {38, 0}, {39, af_unix}}; // type, error, buffers, listens, protocol, domain
    TRY(socket_of(client, a[0]));
    const u32 room = TRY(UserIn<u32>(a[4]).read());
    if (static_cast<i32>(room) < 0)
        return fail(Errno::inval);
    for (const Option& option : options) {
        if (a[1] != 1 || option.name != a[2])
            continue;
        const u32 bytes = min<u32>(room, sizeof(option.value));
        TRY_STATUS(copy_to_user(a[3], &option.value, bytes));
        TRY_STATUS(UserOut<u32>(a[4]).write(bytes));
        return 0;
    }
    return fail(Errno::noprotoopt);
}

// No network, and no names for sockets: of no address family is there anything.
Served serve_socket(Client&, const Args&)
{
    return fail(Errno::afnosupport);
}

// accept, bind, connect, listen
Served serve_on_socket(Client& client, const Args& a)
{
    TRY(socket_of(client, a[0]));
    return fail(Errno::opnotsupp);
}

} // namespace still::services
