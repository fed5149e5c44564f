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

/* The smaller one is not kept by a cache in one piece, and no more than the LWK fills at once in an instance of 896
 * MiB; the other needs one of 9 GiB. */
static const size_t large = 96 * (size_t)mib, giant = 1024 * (size_t)mib;

static void mmap_96m(long n)
{
    mmap_touch_munmap(n, large);
}

static void mmap_1g(long n)
{
    mmap_touch_munmap(n, giant);
}

static void start_large(void)
{
    buffer = memory(large);
    touch(buffer, large);
}

static void start_giant(void)
{
    buffer = memory(giant);
    touch(buffer, giant);
}

/* As a kernel clears it. */
static void zero(long n, size_t bytes)
{
    while (n--) {
        char* at = buffer;
        size_t words = bytes / 8;

        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0L) : "memory");
    }
}

static void zero_96m(long n)
{
    zero(n, large);
}

static void zero_1g(long n)
{
    zero(n, giant);
}

/* Every other page, so that none is a part of its neighbour. */
static void start_among_10k(void)
{
    enum { mappings = 10000 };
    char* at = memory(2 * (size_t)mappings * page);

    for (size_t i = 0; i < mappings; i++)
        need(mprotect(at + 2 * i * page, page, PROT_READ) == 0, "mprotect");
}

const struct operation memory_operations[] = {
    {"page_fault", page_fault, NULL, NULL},
    {"mmap_4k", mmap_4k, NULL, NULL},
    {"mmap_256m", mmap_256m, NULL, NULL},
    {"mmap_96m", mmap_96m, NULL, NULL},
    {"zero_96m", zero_96m, start_large, NULL},
    {"mmap_1g", mmap_1g, NULL, NULL},
    {"zero_1g", zero_1g, start_giant, NULL},
    {"mmap_among_10k", mmap_4k, start_among_10k, NULL},
    {"fault_among_10k", page_fault, start_among_10k, NULL},
    {NULL, NULL, NULL, NULL},
};
