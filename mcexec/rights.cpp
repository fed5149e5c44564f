// SPDX-License-Identifier: BSD-2-Clause
#include "rights.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <linux/capability.h>
#include <stillcore/slot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace still::mcexec {

int64_t has_capability(uint64_t capability)
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (capability >= 32 * std::size(data) || syscall(SYS_capget, &header, data) != 0) {
        return 0;
    }
    return data[capability / 32].effective >> (capability % 32) & 1;
}

// Linux asks the same for a look at another process's memory, before it sees that there is nothing at that address.
int64_t may_trace(pid_t pid)
{
    char byte = 0;
    const iovec local{&byte, 1};
    const iovec remote{nullptr, 1};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT ? 0 : -errno;
}

int64_t scheduling_rights()
{
    constexpr uint64_t cap_ipc_lock = 14, cap_sys_nice = 23;
    rlimit limit{};
    if (getrlimit(RLIMIT_RTPRIO, &limit) != 0) {
        return -EPERM;
    }
    const int64_t rt = static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, 99));
    return rt | (has_capability(cap_sys_nice) != 0 ? STILL_RIGHT_NICE : 0) |
           (has_capability(cap_ipc_lock) != 0 ? STILL_RIGHT_LOCK : 0);
}

} // namespace still::mcexec
