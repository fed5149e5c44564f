// SPDX-License-Identifier: BSD-2-Clause
#include "offload.hpp"

#include "core.hpp"
#include "exec.hpp"
#include "fd_guard.hpp"
#include "fork.hpp"
#include "process.hpp"
#include "program_files.hpp"
#include "quick_calls.hpp"
#include "rest.hpp"
#include "rights.hpp"
#include "shared_memory.hpp"
#include "signal_relay.hpp"
#include "user_memory.hpp"
#include "waits.hpp"
#include "workers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <optional>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

void print_stats()
{
    if (process.options.stats) {
        const std::string text = process.stats.table(process.tsc_khz);
        [[maybe_unused]] const ssize_t written = write(process.stats_output.get(), text.data(), text.size());
    }
}

int64_t execute(const Request& request, const uint64_t (&arg)[6])
{
    return mcexec_syscall(request.nr, arg);
}

int64_t map_file(const Request& request)
{
    still_map_file map{};
    map.fd = static_cast<int32_t>(request.arg[0]);
    map.prot = static_cast<uint32_t>(request.arg[1]);
    map.flags = static_cast<uint32_t>(request.arg[2]);
    map.len = request.arg[3];
    map.offset = request.arg[4];
    const int result = process.device.map_file(map);
    return result < 0 ? result : map.handle;
}

// close_range() over descriptors of mcexec's own: the numbers below, between and above them.
int64_t close_around(const Request& request)
{
    uint64_t hidden[] = {static_cast<uint32_t>(process.device.descriptor().get()),
                         static_cast<uint32_t>(process.stats_output.get())};
    std::sort(std::begin(hidden), std::end(hidden));
    uint64_t first = static_cast<uint32_t>(request.arg[0]);
    const uint64_t last = static_cast<uint32_t>(request.arg[1]);
    const auto close_range = [&](uint64_t from, uint64_t to) {
        const uint64_t arg[6] = {from, to, request.arg[2]};
        return execute(request, arg);
    };
    for (const uint64_t fd : hidden) {
        if (fd < first || fd > last) {
            continue;
        }
        const int64_t result = first < fd ? close_range(first, fd - 1) : 0;
        if (result != 0) {
            return result;
        }
        first = fd + 1;
    }
    return first <= last ? close_range(first, last) : 0;
}

// Without a handler of ours it was a stop, after which Linux makes most calls anew by itself.
int64_t what_interrupted(const ProxyThread& proxy, const Request& request)
{
    const bool by_handler = proxy.handled == request.seq;
    if (!by_handler && ends_after_stop(request)) {
        return -STILL_EINTR_STOPPED;
    }
    return socket_has_timeout(request) ? -STILL_EINTR_FINAL : -EINTR;
}

// All that was asked for, where an ignored signal has cut the call short. But if the LWK has something for the program,
// a part is what it sees natively, too.
int64_t complete(const ProxyThread& proxy, const Request& request, int64_t result)
{
    if (!falls_short(request, result)) {
        return result;
    }
    RestOfCall rest(request);
    int64_t all = 0;
    for (;;) {
        const int64_t done = std::max<int64_t>(result, 0);
        all += done;
        if (!rest.goes_on(result) || proxy.interrupted == request.seq ||
            !rest.advance(static_cast<uint64_t>(done)) || !rest.await()) {
            return all;
        }
        result = execute(rest.request(), rest.request().arg);
    }
}

int64_t timed_call(const ProxyThread& proxy, const Request& request)
{
    const timespec time = to_timespec(request.arg[4]);
    Request call{request.seq, static_cast<uint32_t>(request.arg[0]), {}};
    if (call.nr != SYS_semtimedop && call.nr != SYS_futex) {
        return -EINVAL;
    }
    // SAFETY: the system call reads it before it returns.
    const uint64_t arg[6] = {request.arg[1], request.arg[2], request.arg[3],
                             reinterpret_cast<uint64_t>(&time)};
    const int64_t result = execute(call, arg);
    return result == -EINTR ? what_interrupted(proxy, call) : result;
}

int64_t wait_for_rest(const ProxyThread& proxy, const Request& request)
{
    return proxy.waited_seq == request.seq ? await_socket(request, proxy.waited_ns) : 0;
}

int64_t serve_linux_call(const ProxyThread& proxy, const Request& request)
{
    if (const auto served = serve_special_file(request)) {
        return *served;
    }
    for (;;) {
        int64_t result = wait_for_rest(proxy, request);
        result = result == 0 ? execute(request, request.arg) : result;
        if (result == -EINTR) {
            return what_interrupted(proxy, request);
        }
        if (request.nr != SYS_getdents64 && request.nr != SYS_getdents) {
            return complete(proxy, request, result);
        }
        if (const auto shown = hide_entries(request, result)) {
            return *shown;
        }
    }
}

int64_t remember_exec_state(ProxyThread& proxy, const Request& request)
{
    block_signals();
    proxy.is_about_to_execute = true;
    proxy.exec_state.ignored = request.arg[0];
    proxy.exec_state.blocked = request.arg[1];
    std::copy(std::begin(request.arg) + 2, std::end(request.arg), proxy.exec_state.cpus);
    return 0;
}

int64_t serve_call(ProxyThread& proxy, const Request& request);

int64_t enter_uring(ProxyThread& proxy, const Request& request)
{
    io_uring_getevents_arg events{};
    if (!read_program(request.arg[4], &events, sizeof events)) {
        return -EFAULT;
    }
    events.sigmask = 0;
    Request call = request;
    call.nr = SYS_io_uring_enter;
    call.arg[4] = reinterpret_cast<uint64_t>(&events); // SAFETY: Linux reads it during the call
    return serve_call(proxy, call);
}

int64_t serve_call(ProxyThread& proxy, const Request& request)
{
    const AddressMapUse use(request);
    for (HiddenFd* hidden : {&process.device.descriptor(), &process.stats_output}) {
        if (hidden->get() < 0) {
            continue;
        }
        switch (guard_descriptor(request.nr, request.arg, hidden->get())) {
        case FdAction::bad:
            return -EBADF;
        case FdAction::split_range:
            return close_around(request);
        case FdAction::move_away:
            if (!hidden->move_away()) {
                return -EMFILE;
            }
            break;
        case FdAction::execute:
            break;
        }
    }
    if (request.nr < STILL_CALL_FIRST) {
        return serve_linux_call(proxy, request);
    }
    switch (request.nr) {
    case STILL_CALL_CLONE:
        return start_worker(static_cast<uint32_t>(request.arg[0]), request.arg[1]);
    case STILL_CALL_MAP_FILE:
        return map_file(request);
    case STILL_CALL_SCHED_RIGHTS:
        return scheduling_rights();
    case STILL_CALL_EXEC:
        return execute_anew(request, proxy.exec_state);
    case STILL_CALL_EXEC_STATE:
        return remember_exec_state(proxy, request);
    case STILL_CALL_VFORK:
        return make_guest(request);
    case STILL_CALL_IDENTIFY:
        return getpid();
    case STILL_CALL_DISPOSITION:
        set_disposition(static_cast<int>(request.arg[0]), request.arg[1] != 0, request.arg[2]);
        return 0;
    case STILL_CALL_STOP:
        stop_by_signal(static_cast<int>(request.arg[0]));
        return 0;
    case STILL_CALL_SIGNALFD:
        return process.device.signalfd(
            {static_cast<int32_t>(request.arg[0]), static_cast<uint32_t>(request.arg[2]), request.arg[1]});
    case STILL_CALL_SELECT_NOW:
        return select_now(request);
    case STILL_CALL_TIMED:
        return timed_call(proxy, request);
    case STILL_CALL_MAP_BACK:
        return process.device.map_back({request.arg[0], request.arg[0] + request.arg[1]});
    case STILL_CALL_SHM_SIZE:
        return segment_size(static_cast<int>(request.arg[0]));
    case STILL_CALL_AIO_SETUP:
        return aio_setup(static_cast<uint32_t>(request.arg[0]));
    case STILL_CALL_AIO_SIZE:
        return aio_ring_size(request.arg[0]);
    case STILL_CALL_MAP_CHOSEN:
        return map_chosen(request.arg);
    case STILL_CALL_REMAP:
        return remap(request.arg[0], request.arg[1], request.arg[2], request.arg[3]);
    case STILL_CALL_CAPABLE:
        return has_capability(request.arg[0]);
    case STILL_CALL_WAITED:
        proxy.waited_seq = request.seq + 1;
        proxy.waited_ns = request.arg[0];
        return 0;
    case STILL_CALL_URING_ENTER:
        return enter_uring(proxy, request);
    case STILL_CALL_MAY_TRACE:
        return may_trace(static_cast<pid_t>(request.arg[0]));
    default:
        return -ENOSYS;
    }
}

[[gnu::noinline]] int64_t finish_quick_call(const ProxyThread& proxy, uint32_t seq, uint32_t nr,
                                            const QuickArguments& arg, int64_t result)
{
    const Request request{seq, nr, {arg.a0, arg.a1, arg.a2, arg.a3, arg.a4, arg.a5}};
    return result == -EINTR ? what_interrupted(proxy, request) : complete(proxy, request, result);
}

// Makes the call that waits on the slot, if it is one that needs little else. False: nothing was done.
[[gnu::always_inline]] inline bool serve_quickly(const SlotServer& server, const ProxyThread& proxy,
                                                 uint32_t seq, int64_t& result)
{
    // SAFETY: as in QuickArguments.
    const uint32_t nr = *const_cast<const volatile uint32_t*>(&server.slot().nr);
    if (nr >= num_linux_calls || quick_calls[nr] == QuickCall::no) {
        return false;
    }
    const QuickCall kind = quick_calls[nr];
    const QuickArguments arg(server.slot());
    if (kind >= QuickCall::unless_hidden && static_cast<int>(arg.a0) >= HiddenFd::lowest()) {
        return false;
    }
    result = arg.execute(nr);
    if (result == -EINTR ||
        (kind >= QuickCall::bytes && (kind == QuickCall::all || result < static_cast<int64_t>(arg.a2))))
        [[unlikely]] {
        result = finish_quick_call(proxy, seq, nr, arg, result);
    }
    return true;
}

void finish_if_last(const Request& request)
{
    if (request.nr == STILL_CALL_EXIT_GROUP) {
        print_stats();
        _exit(static_cast<int>(request.arg[0] & 0xff));
    }
    if (request.nr == STILL_CALL_EXIT_SIGNAL) {
        print_stats();
        const int signo = static_cast<int>(request.arg[0]);
        if (request.arg[1] != 0 && wants_core()) {
            die_with_core(signo, request.arg[2], request.arg[3]);
        }
        die_by_signal(signo);
    }
}

} // namespace

void serve(uint32_t slot)
{
    std::optional<SlotServer> server;
    ProxyThread proxy;
    const auto take_slot = [&](uint32_t index) {
        server.emplace(process.device.slot(index), index, process.device, PollWindow(process.poll_limit));
        proxy.server = &*server;
    };
    take_slot(slot);
    this_proxy = &proxy;
    unblock_signals();
    for (;;) {
        if (!server->wait()) {
            die_lwk_gone();
        }
        const uint32_t seq = server->seq();
        int64_t result = 0;
        if (proxy.quick && serve_quickly(*server, proxy, seq, result)) [[likely]] {
            if (!server->answer(seq, result)) {
                die_lwk_gone();
            }
            continue;
        }
        Request request = server->request();
        follow_tty_blocks(proxy, request.nr);
        request.nr &= ~(STILL_CALL_BLOCKS_TTIN | STILL_CALL_BLOCKS_TTOU);
        finish_if_last(request);
        if (proxy.is_about_to_execute && request.nr != STILL_CALL_EXEC) {
            proxy.is_about_to_execute = false;
            unblock_signals();
        }
        if (request.nr == STILL_CALL_THREAD_EXIT) {
            block_signals();
            // The program may free what it named as its robust list, which the LWK has looked through.
            syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head));
            this_proxy = nullptr;
            server->retire(request);
            return;
        }
        if (request.nr == STILL_CALL_FORK) {
            const Forked forked = fork_process(request);
            if (forked.in_child) {
                take_slot(0);
                unblock_signals();
                continue;
            }
            result = forked.result;
        } else if (process.options.stats) {
            const uint64_t start = read_tsc();
            result = serve_call(proxy, request);
            process.stats.count(request.nr, read_tsc() - start, result);
        } else {
            result = serve_call(proxy, request);
        }
        proxy.quick = !proxy.is_about_to_execute && proxy.tty_blocks == 0 && !process.options.stats &&
                      request.nr != STILL_CALL_WAITED;
        if (!server->answer(request, result)) {
            die_lwk_gone();
        }
        if (proxy.holds && !proxy.is_about_to_execute) {
            release_held(proxy);
        }
    }
}

} // namespace still::mcexec
