// SPDX-License-Identifier: BSD-2-Clause
#include "fd_guard.hpp"

#include "address_calls.hpp"
#include "program_files.hpp"

#include <stillcore/slot.h>

#include <sys/syscall.h>

namespace still::mcexec {

namespace {

constexpr struct {
    uint32_t nr;
    uint8_t args; // bit n: argument n is a descriptor
} rows[] = {
    {SYS_read, 1},
    {SYS_write, 1},
    {SYS_close, 1},
    {SYS_fstat, 1},
    {SYS_lseek, 1},
    {SYS_mmap, 16},
    {SYS_ioctl, 1},
    {SYS_pread64, 1},
    {SYS_pwrite64, 1},
    {SYS_readv, 1},
    {SYS_writev, 1},
    {SYS_dup, 1},
    {SYS_dup2, 1},
    {SYS_sendfile, 3},
    {SYS_connect, 1},
    {SYS_accept, 1},
    {SYS_sendto, 1},
    {SYS_recvfrom, 1},
    {SYS_sendmsg, 1},
    {SYS_recvmsg, 1},
    {SYS_shutdown, 1},
    {SYS_bind, 1},
    {SYS_listen, 1},
    {SYS_getsockname, 1},
    {SYS_getpeername, 1},
    {SYS_setsockopt, 1},
    {SYS_getsockopt, 1},
    {SYS_fcntl, 1},
    {SYS_flock, 1},
    {SYS_fsync, 1},
    {SYS_fdatasync, 1},
    {SYS_ftruncate, 1},
    {SYS_getdents, 1},
    {SYS_fchdir, 1},
    {SYS_fchmod, 1},
    {SYS_fchown, 1},
    {SYS_fstatfs, 1},
    {SYS_readahead, 1},
    {SYS_fsetxattr, 1},
    {SYS_fgetxattr, 1},
    {SYS_flistxattr, 1},
    {SYS_fremovexattr, 1},
    {SYS_getdents64, 1},
    {SYS_fadvise64, 1},
    {SYS_epoll_wait, 1},
    {SYS_epoll_ctl, 5},
    {SYS_inotify_add_watch, 1},
    {SYS_inotify_rm_watch, 1},
    {SYS_openat, 1},
    {SYS_mkdirat, 1},
    {SYS_mknodat, 1},
    {SYS_fchownat, 1},
    {SYS_futimesat, 1},
    {SYS_newfstatat, 1},
    {SYS_unlinkat, 1},
    {SYS_renameat, 5},
    {SYS_linkat, 5},
    {SYS_symlinkat, 2},
    {SYS_readlinkat, 1},
    {SYS_fchmodat, 1},
    {SYS_faccessat, 1},
    {SYS_splice, 5},
    {SYS_tee, 3},
    {SYS_sync_file_range, 1},
    {SYS_vmsplice, 1},
    {SYS_utimensat, 1},
    {SYS_epoll_pwait, 1},
    {SYS_fallocate, 1},
    {SYS_timerfd_settime, 1},
    {SYS_timerfd_gettime, 1},
    {SYS_accept4, 1},
    {SYS_dup3, 1},
    {SYS_preadv, 1},
    {SYS_pwritev, 1},
    {SYS_recvmmsg, 1},
    {SYS_fanotify_mark, 1},
    {SYS_name_to_handle_at, 1},
    {SYS_open_by_handle_at, 1},
    {SYS_syncfs, 1},
    {SYS_sendmmsg, 1},
    {SYS_renameat2, 5},
    {SYS_copy_file_range, 5},
    {SYS_preadv2, 1},
    {SYS_pwritev2, 1},
    {SYS_statx, 1},
    {SYS_openat2, 1},
    {SYS_faccessat2, 1},
    {SYS_epoll_pwait2, 1},
};
constexpr auto make_table()
{
    std::array<uint8_t, num_linux_calls> table{};
    for (const auto& row : rows) {
        table[row.nr] = row.args;
    }
    return table;
}
constexpr auto table = make_table();

// Bit n: argument n of that call is a descriptor.
constexpr unsigned descriptor_arguments(uint32_t nr)
{
    if (nr < num_linux_calls) {
        return table[nr];
    }
    return nr == STILL_CALL_MAP_FILE || nr == STILL_CALL_SIGNALFD ? 1 : 0;
}

constexpr QuickCall kind_of(uint32_t nr)
{
    switch (nr) {
    case SYS_dup2: // may want the very number of a descriptor of mcexec's
    case SYS_dup3:
    case SYS_close_range:
    case SYS_getdents: // may list those
    case SYS_getdents64:
        return QuickCall::no;
    default:
        break;
    }
    const unsigned args = descriptor_arguments(nr);
    if (address_use(nr) != AddressUse::none || path_call(nr) || args > 1) {
        return QuickCall::no;
    }
    switch (nr) {
    case SYS_read:
    case SYS_write:
    case SYS_sendto:
    case SYS_recvfrom:
        return QuickCall::bytes;
    case SYS_writev:
    case SYS_sendmsg:
    case SYS_recvmsg:
    case SYS_io_uring_enter:
        return QuickCall::all;
    default:
        return args == 1 ? QuickCall::unless_hidden : QuickCall::yes;
    }
}

constexpr auto make_quick_calls()
{
    std::array<QuickCall, num_linux_calls> kinds{};
    for (uint32_t nr = 0; nr < num_linux_calls; ++nr) {
        kinds[nr] = kind_of(nr);
    }
    return kinds;
}

} // namespace

constinit const std::array<QuickCall, num_linux_calls> quick_calls = make_quick_calls();

FdAction guard_descriptor(uint32_t nr, const uint64_t (&arg)[6], int hidden_fd)
{
    const auto fd = static_cast<uint32_t>(hidden_fd);
    if (nr == SYS_close_range) {
        return static_cast<uint32_t>(arg[0]) <= fd && fd <= static_cast<uint32_t>(arg[1])
                   ? FdAction::split_range
                   : FdAction::execute;
    }
    const unsigned args = descriptor_arguments(nr);
    for (unsigned i = 0; args >> i != 0; ++i) {
        if ((args >> i & 1) != 0 && static_cast<uint32_t>(arg[i]) == fd) {
            return FdAction::bad;
        }
    }
    const bool onto_it = (nr == SYS_dup2 || nr == SYS_dup3) && static_cast<uint32_t>(arg[1]) == fd;
    return onto_it ? FdAction::move_away : FdAction::execute;
}

} // namespace still::mcexec
