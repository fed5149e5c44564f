// SPDX-License-Identifier: BSD-2-Clause
#include "fork.hpp"

#include "address_window.hpp"
#include "guest_heap.hpp"
#include "offload.hpp"
#include "process.hpp"
#include "signal_relay.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

// Between PROC_FORK and the fork the new process's descriptors lie in our table: no other child may get them.
class ForkGate {
  public:
    ForkGate() { sem_init(&free_, 0, 1); }
    void enter()
    {
        while (sem_wait(&free_) != 0) {
        }
    }
    void leave() { sem_post(&free_); }
    void reset() { sem_init(&free_, 0, 1); }

  private:
    sem_t free_;
};

ForkGate gate;

int64_t native_fork(uint64_t flags)
{
    if (flags == SIGCHLD) {
        const pid_t pid = ::fork();
        return pid < 0 ? -errno : pid;
    }
    // What fork() can't say. Its care for malloc's locks is missing here: docs/limits.md.
    const long pid = syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0);
    return pid < 0 ? -errno : pid;
}

[[noreturn]] void die_unadopted(const char* step, int error)
{
    char text[160];
    snprintf(text, sizeof text, "the child of a fork has no memory: %s: %s\n", step, strerror(error));
    say(text);
    _exit(exit_lwk_gone);
}

void become_child(const still_proc_fork& fds)
{
    gate.reset();
    process.address_map.reset();
    process.stats.reset();
    if (const int result = process.device.adopt(fds.device_fd); result < 0) {
        die_unadopted("adopt", -result);
    }
    if (process.device.map_slots() == nullptr) {
        die_unadopted("slots", errno);
    }
    if (const auto mapped = map_program_addresses(fds.mm_fd, process.app); !mapped) {
        die_unadopted("addresses", mapped.error().number);
    }
    close(fds.mm_fd);
    if (const int result = process.device.attach(0); result < 0) {
        die_unadopted("attach", -result);
    }
}

} // namespace

Forked fork_process(const Request& request)
{
    block_signals();
    gate.enter();
    still_proc_fork fds{-1, -1};
    if (const int result = process.device.fork(fds); result < 0) {
        gate.leave();
        unblock_signals();
        return {false, result};
    }
    const int64_t pid = native_fork(request.arg[0]);
    if (pid == 0) {
        become_child(fds);
        return {true, 0};
    }
    close(fds.device_fd);
    close(fds.mm_fd);
    gate.leave();
    unblock_signals();
    return {false, pid};
}

namespace {

constexpr size_t guest_stack_bytes = 256 * 1024;

int guest(void* argument)
{
    gate.leave(); // the table of descriptors has been copied
    const auto slot = *static_cast<const uint32_t*>(argument);
    if (process.device.attach(slot) >= 0) {
        serve(slot);
    }
    _exit(exit_lwk_gone);
}

} // namespace

int64_t make_guest(const Request& request)
{
    auto slot = static_cast<uint32_t>(request.arg[0]);
    if (slot >= STILL_MAX_SLOTS) {
        return -EINVAL;
    }
    void* const stack = mmap(nullptr, guest_stack_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) {
        return -EAGAIN;
    }
    // The child runs on our thread-local variables, while we wait in clone().
    ProxyThread* const proxy = this_proxy;
    GuestHeap* const outer_heap = guest_heap;
    GuestHeap heap;
    block_signals();
    gate.enter();
    guest_heap = &heap;
    const int pid = clone(guest, static_cast<std::byte*>(stack) + guest_stack_bytes,
                          static_cast<int>(request.arg[1]) | CLONE_VM | CLONE_VFORK, &slot);
    const int error = errno;
    guest_heap = outer_heap;
    this_proxy = proxy;
    if (pid < 0) {
        gate.leave();
    }
    unblock_signals();
    munmap(stack, guest_stack_bytes);
    return pid < 0 ? -error : pid;
}

} // namespace still::mcexec
