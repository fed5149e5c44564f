// SPDX-License-Identifier: BSD-2-Clause
#include <services/pipe.hpp>

namespace still::services {

Pipe* Pipe::make_pipe()
{
    auto* ring = static_cast<u8*>(take_bytes(capacity));
    if (ring == nullptr)
        return nullptr;
    auto* pipe = make<Pipe>(ring);
    if (pipe == nullptr)
        give_bytes(ring, capacity);
    return pipe;
}

Pipe::~Pipe()
{
    give_bytes(ring_, capacity);
}

Result<u64> Pipe::read(const Buffer& to, u64 bytes, bool wait)
{
    if (bytes == 0)
        return 0;
    for (;;) {
        {
            MutexGuard guard(reading_);
            const u64 head = head_.load();
            const u64 all = min(bytes, tail_.load(std::memory_order_acquire) - head);
            u64 done = 0;
            while (done < all) {
                const u64 at = (head + done) % capacity;
                const u64 piece = min(all - done, capacity - at);
                if (!to.put(done, ring_ + at, piece))
                    break;
                done += piece;
            }
            if (all != 0) {
                head_.store(head + done, std::memory_order_release);
                changed_.wake();
                return done != 0 ? Result<u64>(done) : fail(Errno::fault);
            }
        }
        // No reader: this end was shut down meanwhile (socket_pair.cpp).
        const auto is_over = [&] { return writers_.load() == 0 || readers_.load() == 0; };
        if (is_over() && filled() == 0)
            return 0;
        if (!wait)
            return fail(Errno::again);
        TRY_STATUS(wait_until(changed_, [&] { return filled() != 0 || is_over(); }));
    }
}

Result<u64> broken_pipe(bool signals)
{
    Task& task = current_task();
    if (signals)
        (void)send_signal(*task.owner, task.tid, sent_signal(sig_pipe, si_user, task.owner->pid, task.uid));
    return fail(Errno::pipe);
}

Result<u64> Pipe::write(const Buffer& from, u64 bytes, bool wait, bool signals)
{
    u64 done = 0;
    while (done < bytes) {
        if (readers_.load() == 0)
            return done != 0 ? Result<u64>(done) : broken_pipe(signals);
        // As much as must not be torn apart goes in at once.
        const u64 needed = bytes <= atomic_bytes ? bytes : 1;
        {
            MutexGuard guard(writing_);
            const u64 tail = tail_.load();
            if (room() >= needed) {
                const u64 all = min(bytes - done, room());
                u64 put = 0;
                while (put < all) {
                    const u64 at = (tail + put) % capacity;
                    const u64 piece = min(all - put, capacity - at);
                    if (!from.get(done + put, ring_ + at, piece))
                        return done != 0 ? Result<u64>(done) : fail(Errno::fault);
                    put += piece;
                }
                tail_.store(tail + put, std::memory_order_release);
                done += put;
                changed_.wake();
                continue;
            }
        }
        if (!wait)
            return done != 0 ? Result<u64>(done) : fail(Errno::again);
        const Status waited = wait_until(changed_, [&] { return room() >= needed || readers_.load() == 0; });
        if (!waited)
            return done != 0 ? Result<u64>(done) : fail(waited.error());
    }
    return done;
}

u32 Pipe::poll(bool reads, bool writes) const
{
    u32 events = 0;
    if (reads) {
        if (filled() != 0)
            events |= poll_in | poll_rdnorm;
        if (writers_.load() == 0 && writer_count_.load() != 0)
            events |= poll_hup;
    }
    if (writes) {
        if (room() >= atomic_bytes)
            events |= poll_out | poll_wrnorm;
        if (readers_.load() == 0)
            events |= poll_err;
    }
    return events;
}

Pipe::Peers Pipe::join(bool reads, bool writes)
{
    Peers found;
    {
        // Of two that come at once one finds the other.
        LockGuard guard(ends_);
        found = reads ? Peers{writers_.load() != 0, writer_count_.load()}
                      : Peers{readers_.load() != 0, reader_count_.load()};
        found.are_there |= reads && writes;
        if (reads) {
            readers_.fetch_add(1);
            reader_count_.fetch_add(1);
        }
        if (writes) {
            writers_.fetch_add(1);
            writer_count_.fetch_add(1);
        }
    }
    changed_.wake();
    return found;
}

void Pipe::leave(bool reads, bool writes)
{
    if (reads)
        readers_.fetch_sub(1);
    if (writes)
        writers_.fetch_sub(1);
    changed_.wake();
}

// Who opens one end waits until somebody has opened the other, even if that has gone again.
Status Pipe::wait_for_peer(bool reads, const Peers& found)
{
    if (found.are_there)
        return {};
    return wait_until(changed_, [&] { return (reads ? writer_count_ : reader_count_).load() != found.ever; });
}

namespace {

Pipe& pipe_of(OpenFile& file)
{
    return *file.node->pipe.load();
}

Result<u64> read_pipe(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    return pipe_of(file).read(to, bytes, !file.is_nonblocking());
}

Result<u64> write_pipe(OpenFile& file, const Buffer& from, u64 bytes, u64)
{
    return pipe_of(file).write(from, bytes, !file.is_nonblocking());
}

u32 poll_pipe(OpenFile& file)
{
    return pipe_of(file).poll(file.may_read(), file.may_write());
}

Result<u64> ioctl_pipe(OpenFile& file, u32 request, u64 argument)
{
    constexpr u32 fionread = 0x541b;
    if (request != fionread)
        return fail(Errno::notty);
    TRY_STATUS(UserOut<u32>(argument).write(static_cast<u32>(pipe_of(file).filled())));
    return 0;
}

void close_pipe(OpenFile& file)
{
    pipe_of(file).leave(file.may_read(), file.may_write());
}

} // namespace

namespace {
u64 pipe_activity(OpenFile& file)
{
    return pipe_of(file).activity();
}
} // namespace

constinit const FileOps pipe_ops = {.read = read_pipe,
                                    .write = write_pipe,
                                    .poll = poll_pipe,
                                    .ioctl = ioctl_pipe,
                                    .close = close_pipe,
                                    .label = "pipe",
                                    .activity = pipe_activity};

Status open_fifo(OpenFile& file)
{
    Node& node = *file.node;
    if (node.pipe.load() == nullptr) {
        Pipe* fresh = Pipe::make_pipe();
        if (fresh == nullptr)
            return fail(Errno::nomem);
        Pipe* none = nullptr;
        if (!node.pipe.compare_exchange_strong(none, fresh))
            destroy(fresh); // another was first
    }
    const bool reads = file.may_read();
    const bool writes = file.may_write();
    Pipe& pipe = pipe_of(file);
    if (writes && !reads && file.is_nonblocking() && !pipe.has_readers())
        return fail(Errno::nxio);
    const Pipe::Peers found = pipe.join(reads, writes);
    file.ops = &pipe_ops;
    if (file.is_nonblocking() || node.links == 0) // by /proc/self/fd: one without a name waits for nobody
        return {};
    return pipe.wait_for_peer(reads, found); // interrupted, the description goes, and leaves
}

Result<PipeEnds> make_pipe(u32 flags)
{
    NodeRef node(make<Node>(mode_fifo | 0600));
    if (!node)
        return fail(Errno::nfile);
    node->pipe = Pipe::make_pipe();
    if (node->pipe.load() == nullptr)
        return fail(Errno::nfile);
    const u32 kept = flags & (o_nonblock | o_direct);
    PipeEnds ends{FileRef(make<OpenFile>(node, kept | o_rdonly)),
                  FileRef(make<OpenFile>(node, kept | o_wronly))};
    if (!ends.reads || !ends.writes)
        return fail(Errno::nfile);
    ends.reads->ops = ends.writes->ops = &pipe_ops;
    (void)node->pipe.load()->join(true, true);
    return ends;
}

} // namespace still::services
