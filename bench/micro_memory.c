/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory: taken, touched, given back. */
#include "micro.h"

#include <sys/mman.h>

/* Pages of 4 KiB natively: huge pages have a row of their own. */
static void page_fault(long n)
{
    size_t bytes = (size_t)n * page;
    char* at = memory(bytes);

    madvise(at, bytes, MADV_NOHUGEPAGE);
    touch(at, bytes);
    munmap(at, bytes);
}

static void mmap_touch_munmap(long n, size_t bytes)
{
    while (n--) {
        char* at = memory(bytes);

        touch(at, bytes);
        munmap(at, bytes);
    }
}

static void mmap_4k(long n)
{
    mmap_touch_munmap(n, page);
}

static void mmap_256m(long n)
{
    mmap_touch_munmap(n, 256 * (size_t)mib);
}

const struct operation memory_operations[] = {
    {"page_fault", page_fault, NULL, NULL},
    {"mmap_4k", mmap_4k, NULL, NULL},
    {"mmap_256m", mmap_256m, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
