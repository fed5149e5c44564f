// SPDX-License-Identifier: BSD-2-Clause
// Locked memory, private and shared, that mremap moves, grows and shrinks: what status and smaps say is locked.
// covers: mremap, mlock
#include "show.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void locked(const char* when)
{
    char line[256];
    FILE* status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmLck:", 6) == 0)
            printf("%s: %s", when, line);
    if (status != NULL)
        fclose(status);
}

static void in_smaps(const char* at)
{
    char line[256], start[32];
    int is_there = 0;
    FILE* smaps = fopen("/proc/self/smaps", "r");
    snprintf(start, sizeof start, "%lx-", (unsigned long)at);
    while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
        if (strchr("0123456789abcdef", line[0]) != NULL)
            is_there = strncmp(line, start, strlen(start)) == 0;
        else if (is_there && strncmp(line, "Locked:", 7) == 0)
            fputs(line, stdout);
        else if (is_there && strncmp(line, "VmFlags:", 8) == 0)
            printf("flag %d\n", strstr(line, " lo ") != NULL);
    }
    if (smaps != NULL)
        fclose(smaps);
}

static void run(int type)
{
    const size_t size = 8 * (size_t)sysconf(_SC_PAGESIZE);
    char* room = mmap(NULL, 8 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* at = mmap(room, size, PROT_READ | PROT_WRITE, type | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    printf("%s\n", type == MAP_SHARED ? "shared" : "private");
    SHOW(mlock(at, size));
    locked("locked");
    in_smaps(at);
    at = mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, room + 2 * size);
    SHOW(at == room + 2 * size);
    locked("moved");
    munmap(room + 3 * size, 5 * size);
    SHOW(mremap(at, size, 2 * size, 0) == at);
    locked("longer");
    memset(at, 'a', 2 * size);
    in_smaps(at);
    SHOW(mremap(at, 2 * size, size / 2, 0) == at);
    locked("shorter");
    SHOW(munlock(at, size / 2));
    locked("unlocked");
    in_smaps(at);
    munmap(room, 3 * size);
}

int main(void)
{
    run(MAP_PRIVATE);
    run(MAP_SHARED);
    return 0;
}
