// SPDX-License-Identifier: BSD-2-Clause
// A child that was just forked has its parent's descriptors, and no others, whoever looks.
// covers: fork
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int strangers = 0;
    for (int fd = 3; fd < 64; ++fd)
        close(fd);
    for (int round = 0; round < 100; ++round) {
        const pid_t pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        for (int look = 0; look < 3; ++look) {
            char path[64];
            snprintf(path, sizeof(path), "/proc/%d/fd", pid);
            DIR* folder = opendir(path);
            if (folder == NULL)
                continue;
            const struct dirent* entry;
            while ((entry = readdir(folder)) != NULL)
                strangers += entry->d_name[0] != '.' && atoi(entry->d_name) > 2;
            closedir(folder);
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    printf("%d strangers\n", strangers);
    return 0;
}
