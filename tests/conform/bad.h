/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointers that no program should pass, and tables of calls that get each of them. */
#ifndef CONFORM_BAD_H
#define CONFORM_BAD_H

#include "show.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BAD_NULL,
    BAD_UNMAPPED,
    BAD_NONE,
    BAD_READONLY,
    BAD_EDGE,
    BAD_EDGE_NONE,
    BAD_KERNEL,
    BAD_HOLE,
    BAD_LAST,
    BADS
};

static const char* const bad_names[BADS] = {"NULL",      "unmapped", "none",         "readonly", "edge",
                                            "edge-none", "kernel",   "noncanonical", "last"};

/* Where nothing else is ever put: the kernel does not choose addresses here by itself. */
#define BAD_PLACE ((char*)0x123456000000)
#define BAD_PAGE 4096ul

static inline void bad_init(void)
{
    /* written | hole | none | read-only | written | none */
    char* place = mmap(BAD_PLACE, 8 * BAD_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST(place == BAD_PLACE);
    memset(place, 0, 8 * BAD_PAGE);
    MUST(munmap(place + BAD_PAGE, BAD_PAGE) == 0);
    MUST(mprotect(place + 2 * BAD_PAGE, BAD_PAGE, PROT_NONE) == 0);
    MUST(mprotect(place + 3 * BAD_PAGE, BAD_PAGE, PROT_READ) == 0);
    MUST(mprotect(place + 5 * BAD_PAGE, BAD_PAGE, PROT_NONE) == 0);
}

/* The pointer of this kind for an object of that size; an edge has half of it in the bad page. */
static inline long bad_pointer(int kind, size_t size)
{
    const size_t before = size / 2 ? size / 2 : 1;
    switch (kind) {
    case BAD_UNMAPPED:
        return (long)(BAD_PLACE + BAD_PAGE + 64);
    case BAD_NONE:
        return (long)(BAD_PLACE + 2 * BAD_PAGE + 64);
    case BAD_READONLY:
        return (long)(BAD_PLACE + 3 * BAD_PAGE + 64);
    case BAD_EDGE:
        return (long)(BAD_PLACE + BAD_PAGE - before);
    case BAD_EDGE_NONE:
        return (long)(BAD_PLACE + 5 * BAD_PAGE - before);
    case BAD_KERNEL:
        return (long)0xffffffff80000000ul;
    case BAD_HOLE:
        return (long)0x0800000000000000ul;
    case BAD_LAST:
        return -(long)(size ? size : 1);
    default:
        return 0;
    }
}

/* In the arguments of a row: the bad pointer, and a page that is good and zero. */
#define P 0x5a5a5a5a0001
#define GOOD 0x5a5a5a5a0002
#define GOOD2 0x5a5a5a5a0003
#define FD 0x5a5a5a5a0004 /* the descriptor that is passed to bad_run */
#define FD2 0x5a5a5a5a0005

struct bad_row {
    const char* name;
    long nr;
    size_t size; /* of what P points to */
    long a[6];
    int skip; /* a bit for each kind that is not tried, because it is good or would block */
};

/* Makes the call of each row with each bad pointer and prints what it gave: an errno, or ok. */
static inline void bad_run(const struct bad_row* rows, size_t count, int fd, int fd2)
{
    static _Alignas(4096) char good[4096], good2[4096];

    for (size_t i = 0; i < count; i++) {
        const struct bad_row* row = &rows[i];
        printf("%s:", row->name);
        for (int kind = 0; kind < BADS; kind++) {
            long a[6];
            if (row->skip & 1 << kind)
                continue;
            memset(good, 0, sizeof good);
            memset(good2, 0, sizeof good2);
            memset(BAD_PLACE, 0, BAD_PAGE);
            memset(BAD_PLACE + 4 * BAD_PAGE, 0, BAD_PAGE);
            for (int n = 0; n < 6; n++) {
                a[n] = row->a[n];
                if (a[n] == P)
                    a[n] = bad_pointer(kind, row->size);
                else if (a[n] == GOOD)
                    a[n] = (long)good;
                else if (a[n] == GOOD2)
                    a[n] = (long)good2;
                else if (a[n] == FD)
                    a[n] = fd;
                else if (a[n] == FD2)
                    a[n] = fd2;
            }
            errno = 0;
            long result = syscall(row->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
            const char* said = result == -1 ? strerrorname_np(errno) : "ok";
            printf(" %s=%s", bad_names[kind], said ? said : "?");
        }
        printf("\n");
        fflush(stdout);
    }
}

#endif
