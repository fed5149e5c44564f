// SPDX-License-Identifier: BSD-2-Clause
// What /proc/self/maps shows of anonymous memory that mprotect, munmap and mremap have cut into pieces.
// covers: mprotect, munmap, mremap
#include "show.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { pages = 24, page = 4096 };

static void show(const char* when, const char* room)
{
    char line[512], rights[8];
    unsigned long start, end, offset, inode;
    FILE* maps = fopen("/proc/self/maps", "r");

    printf("%s\n", when);
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%lx-%lx %7s %lx %*s %lu", &start, &end, rights, &offset, &inode) == 5 &&
            start >= (unsigned long)room && end <= (unsigned long)room + pages * page)
            printf("%lu-%lu %s %lx %lu\n", (start - (unsigned long)room) / page,
                   (end - (unsigned long)room) / page, rights, offset, inode);
    if (maps != NULL)
        fclose(maps);
}

int main(void)
{
    /* What lies beside it is no neighbour. */
    char* around =
        mmap(NULL, (pages + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char* room = around + page;
    munmap(room, pages * page);
    SHOW(mmap(room, 16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
         room);
    show("whole", room);
    SHOW(mprotect(room + 4 * page, 2 * page, PROT_READ));
    show("cut", room);
    SHOW(munmap(room + 8 * page, page));
    show("with a hole", room);
    SHOW(mremap(room + 9 * page, 4 * page, 4 * page, MREMAP_MAYMOVE | MREMAP_FIXED, room + 18 * page) ==
         room + 18 * page);
    show("moved", room);
    SHOW(mprotect(room + 4 * page, 2 * page, PROT_READ | PROT_WRITE));
    show("whole again", room);
    return 0;
}
