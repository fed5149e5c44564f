/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_direct DEVICE: a slow device reads into the parent's memory (O_DIRECT), while the parent forks and both then
 * write to the page. What the device brings must reach the parent, not the child. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096 };

static const char* device;
static char* buffer;

static void* reads(void* arg)
{
    int fd = open(device, O_RDONLY | O_DIRECT);

    (void)arg;
    CHECK(fd >= 0 && pread(fd, buffer, page, 0) == page);
    close(fd);
    return NULL;
}

static void round_in(size_t area)
{
    pthread_t reader;
    int status = 0;

    buffer = mmap(NULL, area, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(buffer != MAP_FAILED);
    memset(buffer, 'a', area);
    CHECK(pthread_create(&reader, NULL, reads, NULL) == 0);
    usleep(300000); /* the read is under way, its page pinned */
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        buffer[page - 1] = 'c';
        sleep(2);
        _exit(buffer[0] == 'a' && buffer[page - 1] == 'c' && buffer[area - 2] == 'a' ? 0 : 1);
    }
    if (area > page)
        buffer[area - 1] = 'p';
    buffer[1] = 'p';
    CHECK(buffer[0] == 'a'); /* or the device was too quick, and nothing was tried */
    CHECK(pthread_join(reader, NULL) == 0);
    for (int i = 0; i < page; i++)
        CHECK(buffer[i] == 'z');
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(munmap(buffer, area) == 0);
}

int main(int argc, char** argv)
{
    CHECK(argc == 2);
    device = argv[1];
    round_in(page);
    round_in(4 << 20);
    printf("ok fork_direct\n");
    return 0;
}
