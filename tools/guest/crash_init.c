/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID 1 of the kernel that kdump starts, for tests: reads the whole memory of the one that crashed, and says how many
 * pages of it begin with the word that the environment names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static void end(void)
{
    fflush(stdout);
    reboot(RB_POWER_OFF);
    exit(1);
}

static void die(const char* what)
{
    printf("crash-init: %s: %s\n", what, strerror(errno));
    end();
}

int main(void)
{
    static char buffer[256 * PAGE];
    const char* word = getenv("word");
    unsigned long long bytes = 0;
    unsigned long pages = 0;
    ssize_t got;

    mkdir("/proc", 0755);
    if (word == NULL || mount("proc", "/proc", "proc", 0, NULL) != 0)
        die("/proc");
    int core = open("/proc/vmcore", O_RDONLY | O_CLOEXEC);
    if (core < 0)
        die("/proc/vmcore");
    // Pages lie at multiples of their size in that file.
    while ((got = read(core, buffer, sizeof buffer)) > 0) {
        bytes += (unsigned long long)got;
        for (ssize_t at = 0; at + PAGE <= got; at += PAGE)
            pages += memcmp(buffer + at, word, strlen(word)) == 0;
    }
    if (got < 0)
        die("read");
    printf("crash-init: %llu MiB, %lu pages with the word\n", bytes >> 20, pages);
    end();
}
