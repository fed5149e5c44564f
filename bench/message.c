/* SPDX-License-Identifier: BSD-2-Clause */
/* A message from another process, in each of the ways there are; halo exchange of a face whose elements lie apart.
 *
 *     message WAY BYTES SAMPLES       a number for each sample: ns of one message, where the clock counts
 *     message halo_WAY EDGE SAMPLES   instructions: instructions
 *
 * Rank 0 of a group of two (mcexec --smartmap) measures, rank 1 has the data. Without a group the other process is a
 * child; then smartmap and xpmem are not to be had. */
#include "micro.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xpmem.h>

#include <stillcore/smartmap.h>

static struct {
    char* data; /* that the other process has */
    xpmem_segid_t segment;
} shared;

static char *data, *own, *segment_of_both;
static size_t bytes;
static pid_t other;
static int from_other[2], to_other[2];

static void by_memcpy(void)
{
    memcpy(own, data, bytes);
}

static char* theirs;

static void by_smartmap(void)
{
    memcpy(own, theirs, bytes);
}

static xpmem_segid_t segment;

static void by_xpmem(void)
{
    const xpmem_apid_t id = xpmem_get(segment, XPMEM_RDONLY, XPMEM_PERMIT_MODE, NULL);
    void* at = xpmem_attach((struct xpmem_addr){id, 0}, bytes, NULL);

    need(at != (void*)-1, "xpmem_attach");
    memcpy(own, at, bytes);
    xpmem_detach(at);
    xpmem_release(id);
}

static void by_process_vm_readv(void)
{
    const struct iovec to = {own, bytes}, from = {shared.data, bytes};

    need(process_vm_readv(other, &to, 1, &from, 1, 0) == (ssize_t)bytes, "process_vm_readv");
}

/* Both copies, that of the one who sends and that of the one who receives. */
static void by_shared_memory(void)
{
    memcpy(segment_of_both, data, bytes);
    memcpy(own, segment_of_both, bytes);
}

static void by_pipe(void)
{
    need(write(to_other[1], "", 1) == 1, "write");
    for (size_t at = 0; at < bytes;) {
        const ssize_t got = read(from_other[0], own + at, bytes - at);

        need(got > 0, "read");
        at += (size_t)got;
    }
}

/* The face of a cube whose elements lie a row apart, into the ghost cells on the other side. */
static size_t edge;

#define CELL(array, z, y, x) ((double*)(array))[((z) * (edge + 2) + (y)) * (edge + 2) + (x)]

static void halo_in_place(const char* from)
{
    for (size_t z = 1; z <= edge; z++)
        for (size_t y = 1; y <= edge; y++)
            CELL(own, z, y, 0) = CELL(from, z, y, edge);
}

static void halo_by_smartmap(void)
{
    halo_in_place(theirs);
}

static void halo_within(void)
{
    halo_in_place(data);
}

/* The other one packs, one copy, and unpack. */
static void halo_packed(void)
{
    double *packed = (double*)segment_of_both, *got = packed + edge * edge;
    const struct iovec to = {got, edge * edge * sizeof(double)},
                       from = {shared.data, edge * edge * sizeof(double)};

    for (size_t z = 1; z <= edge; z++)
        for (size_t y = 1; y <= edge; y++)
            packed[(z - 1) * edge + y - 1] = CELL(data, z, y, edge);
    need(process_vm_readv(other, &to, 1, &from, 1, 0) == (ssize_t)to.iov_len, "process_vm_readv");
    for (size_t z = 1; z <= edge; z++)
        for (size_t y = 1; y <= edge; y++)
            CELL(own, z, y, 0) = got[(z - 1) * edge + y - 1];
}

static const struct way {
    const char* name;
    void (*once)(void);
} ways[] = {
    {"memcpy", by_memcpy},
    {"smartmap", by_smartmap},
    {"xpmem", by_xpmem},
    {"process_vm_readv", by_process_vm_readv},
    {"shared_memory", by_shared_memory},
    {"pipe", by_pipe},
    {"halo_within", halo_within},
    {"halo_smartmap", halo_by_smartmap},
    {"halo_packed", halo_packed},
};

static void ends(int number)
{
    (void)number;
    _exit(0);
}

static void answer_by_pipe(void)
{
    char go;

    while (read(to_other[0], &go, 1) == 1)
        for (size_t at = 0; at < bytes;) {
            const ssize_t sent = write(from_other[1], data + at, bytes - at);

            if (sent <= 0)
                return;
            at += (size_t)sent;
        }
}

static void start_child(int for_pipe)
{
    need(pipe(from_other) == 0 && pipe(to_other) == 0, "pipe");
    other = fork();
    if (other != 0)
        return;
    close(to_other[1]);
    if (for_pipe)
        answer_by_pipe();
    else
        pause();
    _exit(0);
}

static void meet_peer(void)
{
    need(smartmap_wait(1, 60000) == 0, "no rank 1");
    while (smartmap_find(1) == NULL)
        usleep(1000);
    const __typeof__(shared)* at = smartmap_find(1);

    shared = *at;
    theirs = smartmap_peer(1, shared.data);
    segment = shared.segment;
    other = smartmap_pid(1);
}

static void be_peer(void)
{
    shared.data = data;
    shared.segment = xpmem_make(data, (bytes + page - 1) / page * page, XPMEM_PERMIT_MODE, (void*)0600);
    need(shared.segment > 0, "xpmem_make");
    signal(SIGTERM, ends);
    smartmap_post(&shared);
    for (;;)
        pause();
}

static double measure(const struct way* way)
{
    const long often = bytes >= 4 * (size_t)mib ? 1 : bytes >= 64 * 1024 ? 16 : 256;
    const double began = now();

    for (long i = 0; i < often; i++)
        way->once();
    return (now() - began) / (double)often;
}

int main(int argc, char** argv)
{
    if (argc != 4)
        return 2;
    bytes = strtoul(argv[2], NULL, 0);
    if (strncmp(argv[1], "halo", 4) == 0) {
        edge = bytes;
        bytes = (edge + 2) * (edge + 2) * (edge + 2) * sizeof(double);
    }
    data = memory(bytes);
    touch(data, bytes);
    if (smartmap_rank() == 1)
        be_peer();
    own = memory(bytes);
    touch(own, bytes);
    segment_of_both = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(segment_of_both != MAP_FAILED, "mmap");
    touch(segment_of_both, bytes);
    const int is_pipe = strcmp(argv[1], "pipe") == 0, has_peer = smartmap_rank() == 0;
    if (has_peer)
        meet_peer();
    if (!has_peer || is_pipe) {
        const pid_t peer = other;

        start_child(is_pipe);
        if (has_peer)
            kill(peer, SIGTERM);
        shared.data = data;
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, argv[1]) != 0)
            continue;
        measure(&ways[i]);
        for (long n = strtol(argv[3], NULL, 0); n > 0; n--)
            printf("%.1f\n", measure(&ways[i]));
        fflush(stdout);
        kill(other, SIGTERM);
        return 0;
    }
    return 2;
}
