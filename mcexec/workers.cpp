// SPDX-License-Identifier: BSD-2-Clause
#include "workers.hpp"

#include "offload.hpp"
#include "process.hpp"
#include "signal_relay.hpp"

#include <cerrno>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

// A proxy thread runs the loop, signal handlers (an AVX-512 frame takes 3.5 KiB) and nothing that recurses.
constexpr size_t stack_bytes = 128 * 1024;
constexpr size_t guard_bytes = 4096;

struct Birth {
    uint32_t slot;
    int own; // CLONE_*: what it does not share
    int64_t result;
    sem_t attached;
};

void* worker(void* argument)
{
    auto* birth = static_cast<Birth*>(argument);
    const uint32_t slot = birth->slot;
    int attached = process.device.attach(slot);
    if (attached >= 0 && birth->own != 0 && unshare(birth->own) != 0) {
        attached = -errno;
    }
    birth->result = attached < 0 ? attached : gettid();
    sem_post(&birth->attached); // from here on *birth may be gone
    if (attached >= 0) {
        serve(slot);
    }
    return nullptr;
}

} // namespace

int64_t start_worker(uint32_t slot, uint64_t own)
{
    if (slot >= STILL_MAX_SLOTS || (own & ~static_cast<uint64_t>(CLONE_FS | CLONE_SYSVSEM)) != 0) {
        return -EINVAL;
    }
    Birth birth{slot, static_cast<int>(own), 0, {}};
    sem_init(&birth.attached, 0, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_attr_setguardsize(&attributes, guard_bytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // The new thread inherits a full mask, so that no handler runs in it before serve() is ready for one.
    block_signals();
    pthread_t thread{};
    const int error = pthread_create(&thread, &attributes, worker, &birth);
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        while (sem_wait(&birth.attached) != 0) {
        }
    }
    unblock_signals();
    sem_destroy(&birth.attached);
    return error != 0 ? -EAGAIN : birth.result;
}

} // namespace still::mcexec
