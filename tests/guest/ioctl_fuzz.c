/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random ioctls on the module's devices, from Linux: ioctl_fuzz SEED CALLS DEVICE... The same seed makes the same
 * calls.
 * What they return is nobody's concern; the module must live on, and what was taken must be known to its books.
 * Requests are the known ones, known numbers with other sizes, and any; their words small numbers, addresses and noise.
 * Reads and writes of /dev/ihkN and its mappings are tried in between.
 */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>
#include <stillcore/ikc.h>
#include <stillcore/ioctl_admin.h>
#include <stillcore/ioctl_proc.h>
#include <sys/mman.h>
#include <unistd.h>

static const unsigned long known[] = {
    STILL_IOC_CPU_RESERVE,  STILL_IOC_CPU_RELEASE,  STILL_IOC_CPU_QUERY,    STILL_IOC_MEM_RESERVE,
    STILL_IOC_MEM_RELEASE,  STILL_IOC_MEM_QUERY,    STILL_IOC_OS_CREATE,    STILL_IOC_OS_DESTROY,
    STILL_IOC_OS_LIST,      STILL_IOC_ACCOUNTS,     STILL_IOC_CPU_ASSIGN,   STILL_IOC_CPU_UNASSIGN,
    STILL_IOC_CPU_ASSIGNED, STILL_IOC_MEM_ASSIGN,   STILL_IOC_MEM_UNASSIGN, STILL_IOC_MEM_ASSIGNED,
    STILL_IOC_LOAD,         STILL_IOC_KARGS,        STILL_IOC_BOOT,         STILL_IOC_SHUTDOWN,
    STILL_IOC_STATUS,       STILL_IOC_KMSG,         STILL_IOC_CLEAR_KMSG,   STILL_IOC_INJECT,
    STILL_IOC_DROP_CACHE,   STILL_IOC_PROCESS,      STILL_IOC_USAGE,        STILL_IOC_FREEZE,
    STILL_IOC_THAW,         STILL_IOC_DUMP_INFO,    STILL_IOC_DUMP_READ,    STILL_IOC_CALLS,
    STILL_IOC_IKC_MAP_SET,  STILL_IOC_IKC_MAP_GET,  STILL_IOC_PROC_CREATE,  STILL_IOC_MAP_FILE,
    STILL_IOC_PROC_EXEC,    STILL_IOC_PROC_START,   STILL_IOC_SLOT_ATTACH,  STILL_IOC_SLOT_WAKE,
    STILL_IOC_SIGNAL,       STILL_IOC_SIGNALFD,     STILL_IOC_POSE,         STILL_IOC_REPORT,
    STILL_IOC_FILE_NAME,    STILL_IOC_SET_EXE,      STILL_IOC_OWN_EXE,      STILL_IOC_MAP_BACK,
    STILL_IOC_MAP_PINNABLE, STILL_IOC_MAP_ORDINARY, STILL_IOC_PROC_FORK,    STILL_IOC_PROC_ADOPT,
}; /* not SLOT_WAIT: it waits for an LWK that has nothing to say */
enum { KNOWN = sizeof known / sizeof known[0], WORDS = 8192, MOST_DEVICES = 8 };

static uint64_t state;
static uint64_t words[WORDS];
static char target[1 << 16];

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t random_word(void)
{
    switch (random64() % 10) {
    case 0:
        return random64();
    case 1:
        return (uintptr_t)target + random64() % sizeof target;
    case 2:
        return 0xffffffff80000000 + random64() % (1 << 24);
    case 3:
        return 1ull << (random64() % 64);
    case 4:
        return (random64() % 16) << 22; /* MiB that are multiples of 4 */
    default:
        return random64() % 8;
    }
}

static unsigned long random_request(void)
{
    unsigned long request = known[random64() % KNOWN];

    switch (random64() % 12) {
    case 0:
        return _IOC(random64() % 4, _IOC_TYPE(request), _IOC_NR(request), random64() % 16384);
    case 1:
        return random64() & 0xffffffff;
    default:
        return request;
    }
}

/* A fault that hangs the LWK is another test's; what would boot or stop it waits a second at most. */
static void tame(unsigned long request)
{
    if (request == STILL_IOC_INJECT) /* its first 32 bits: what */
        words[0] = random64() % 2 ? STILL_INJECT_BAD_CELLS : 1000;
    if (request == STILL_IOC_FREEZE) /* held by its own open file it would wait for itself */
        words[0] = 0;
    if (request == STILL_IOC_BOOT || request == STILL_IOC_SHUTDOWN)
        words[0] = words[1] = 1000 | 1000ull << 32;
}

static void use_otherwise(int fd)
{
    char byte = 0;
    void* place = mmap(NULL, 4096 << (random64() % 4), PROT_READ | PROT_WRITE,
                       random64() % 2 ? MAP_SHARED : MAP_PRIVATE, fd, (off_t)(random_word() & ~4095ull));

    if (place != MAP_FAILED)
        munmap(place, 4096);
    if (read(fd, &byte, 1) == 1 || write(fd, &byte, 1) == 1)
        CHECK(!"a device has nothing to read");
}

int main(int argc, char** argv)
{
    int fds[MOST_DEVICES], count = 0;
    long calls;

    CHECK(argc > 3 && argc - 3 <= MOST_DEVICES);
    state = strtoull(argv[1], NULL, 0) * 2654435761u + 88172645463325252ull;
    calls = strtol(argv[2], NULL, 0);
    for (int i = 3; i < argc; i++) {
        fds[count] = open(argv[i], O_RDWR | O_CLOEXEC);
        if (fds[count] < 0)
            fds[count] = open(argv[i], O_RDONLY | O_CLOEXEC);
        if (fds[count] >= 0)
            count++;
    }
    CHECK(count > 0);
    for (long i = 0; i < calls; i++) {
        unsigned long request = random_request();
        int fd = fds[random64() % (unsigned)count];

        for (unsigned at = 0; at < (i % 16 ? 64 : WORDS); at++)
            words[at] = random_word();
        tame(request);
        ioctl(fd, request, random64() % 20 ? (void*)words : (void*)(uintptr_t)random_word());
        if (i % 64 == 0)
            use_otherwise(fd);
    }
    printf("ok ioctl_fuzz\n");
    return 0;
}
