/* SPDX-License-Identifier: BSD-2-Clause */
/* Natively, in mcexec's place: STILL_IOC_MAP_PINNABLE refuses what is no range, or not the pseudo file's, and leaves
 * what lies there as it is. */
#include "check.h"

#include <fcntl.h>
#include <stillcore/ioctl_proc.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page = 4096 };

static const uint64_t start = 0x10000000000, end = start + (1 << 20);
static int device;

static int pinnable(uint64_t from, uint64_t to)
{
    const struct still_range range = {from, to};

    return ioctl(device, STILL_IOC_MAP_PINNABLE, &range);
}

int main(void)
{
    struct still_proc_create create = {
        .revision = STILL_REVISION, .num_app_ranges = 1, .app = {{start, end}}};
    char* at = (char*)start;

    device = open("/dev/ihk0", O_RDWR);
    CHECK(device >= 0);
    CHECK_ERRNO(pinnable(start, end), EBADFD);
    CHECK(ioctl(device, STILL_IOC_PROC_CREATE, &create) == 0);
    CHECK(mmap(at, end - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, create.mm_fd, (off_t)start) ==
          at);
    CHECK_ERRNO(pinnable(start, start), EINVAL);
    CHECK_ERRNO(pinnable(end, start), EINVAL);
    CHECK_ERRNO(pinnable(start + 1, end), EINVAL);
    CHECK_ERRNO(pinnable(start, end - 1), EINVAL);
    CHECK_ERRNO(pinnable(start, end + page), EBUSY);
    CHECK_ERRNO(pinnable(start - page, end), EBUSY);
    CHECK_ERRNO(pinnable(0, page), EBUSY);
    CHECK_ERRNO(pinnable(~0ull - 2 * page + 1, ~0ull - page + 1), EBUSY);
    CHECK_ERRNO(ioctl(device, STILL_IOC_MAP_PINNABLE, (void*)8), EFAULT);
    /* Something of Linux's own in the middle stays what it is. */
    CHECK(mmap(at + 4 * page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          at + 4 * page);
    at[4 * page] = 'm';
    CHECK_ERRNO(pinnable(start, end), EBUSY);
    CHECK(at[4 * page] == 'm');
    for (int i = 0; i < 3; i++) {
        CHECK(pinnable(start, start + 4 * page) == 0 && pinnable(start + page, start + 2 * page) == 0);
        CHECK(pinnable(start + 5 * page, end) == 0);
        CHECK(ioctl(device, STILL_IOC_MAP_ORDINARY) == 0);
        CHECK(at[4 * page] == 'm');
    }
    close(device);
    printf("ok pinnable_ranges\n");
    return 0;
}
