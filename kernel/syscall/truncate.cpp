// SPDX-License-Identifier: BSD-2-Clause
// truncate(2): Linux cuts the file off, and the call ends when no process of an LWK has a page of what was cut.
#include <offload/ikc.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

SyscallResult cut_off(Task& task, const Call& call)
{
    const SyscallResult result = offload_unchanged(task, call);
    if (result) {
        still_msg m{};
        m.kind = STILL_MSG_CUTS_TOLD;
        (void)ikc::ask(m); // an error is the end of Linux's side
    }
    return result;
}

} // namespace

SyscallResult sys_truncate(Task& task, const Call& call)
{
    return cut_off(task, call);
}

SyscallResult sys_ftruncate(Task& task, const Call& call)
{
    return cut_off(task, call);
}

} // namespace still
