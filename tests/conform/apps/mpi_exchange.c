// SPDX-License-Identifier: BSD-2-Clause
// MPI between the ranks of one machine: messages of all sizes, collectives, one-sided and shared windows, a file, and
// threads that send at once. Only rank 0 prints, and the same whatever the ranks' speed.
// Built by the cases of apps.toml with the MPI that they try.
#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4 << 20, ROUNDS = 3, THREADS = 3 };

static int rank, size, left, right;

static void tell(const char* what, long mine)
{
    long sum = 0;

    MPI_Reduce(&mine, &sum, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%s %ld\n", what, sum);
}

static unsigned char byte_of(int sender, int round, size_t at)
{
    return (unsigned char)(sender * 31 + round * 7 + at * 13 + (at >> 12));
}

static long wrong_bytes(const unsigned char* got, int sender, int round, size_t length)
{
    long wrong = 0;

    for (size_t at = 0; at < length; ++at)
        wrong += got[at] != byte_of(sender, round, at);
    return wrong;
}

static void messages(void)
{
    unsigned char *out = malloc(MOST), *in = malloc(MOST);
    long wrong = 0;

    for (size_t length = 0; length <= MOST; length = length ? length * 8 : 1) {
        for (int round = 0; round < ROUNDS; ++round) {
            for (size_t at = 0; at < length; ++at)
                out[at] = byte_of(rank, round, at);
            MPI_Request sent;
            MPI_Status status;
            int count;
            MPI_Isend(out, (int)length, MPI_BYTE, right, round, MPI_COMM_WORLD, &sent);
            MPI_Recv(in, (int)length, MPI_BYTE, left, round, MPI_COMM_WORLD, &status);
            MPI_Get_count(&status, MPI_BYTE, &count);
            MPI_Wait(&sent, MPI_STATUS_IGNORE);
            wrong += (size_t)count != length;
            wrong += wrong_bytes(in, left, round, length);
        }
    }
    tell("messages: wrong bytes", wrong);
    free(out);
    free(in);
}

static void collectives(void)
{
    long values[1000], sums[1000], scanned = 0;

    for (int i = 0; i < 1000; ++i)
        values[i] = (long)rank * 1000 + i;
    MPI_Allreduce(values, sums, 1000, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    tell("allreduce", sums[999]);
    MPI_Scan(values, &scanned, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    tell("scan", scanned);
    long* all = malloc(sizeof(long) * 100 * (size_t)size);
    MPI_Alltoall(memcpy(all, values, sizeof(long) * 100 * (size_t)(size < 10 ? size : 10)), 100, MPI_LONG,
                 sums, 100, MPI_LONG, MPI_COMM_WORLD);
    tell("alltoall", sums[0] + sums[99]);
    free(all);
    MPI_Bcast(values, 1000, MPI_LONG, size - 1, MPI_COMM_WORLD);
    tell("bcast", values[7]);
    for (int i = 0; i < 200; ++i)
        MPI_Barrier(MPI_COMM_WORLD);
}

static void windows(void)
{
    int *memory, *shared, *theirs, unit;
    MPI_Aint length;
    MPI_Win win;

    MPI_Win_allocate(4096, sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &memory, &win);
    memset(memory, 0, 4096);
    MPI_Win_fence(0, win);
    int value = rank + 100;
    MPI_Put(&value, 1, MPI_INT, right, 5, 1, MPI_INT, win);
    MPI_Accumulate(&value, 1, MPI_INT, 0, 6, 1, MPI_INT, MPI_SUM, win);
    MPI_Win_fence(0, win);
    tell("put", memory[5]);
    tell("accumulate", memory[6]);
    MPI_Win_free(&win);

    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Win_allocate_shared(1 << 16, sizeof(int), MPI_INFO_NULL, node, &shared, &win);
    MPI_Win_lock_all(0, win);
    for (int i = 0; i < 1 << 14; ++i)
        shared[i] = rank + i;
    MPI_Win_sync(win);
    MPI_Barrier(node);
    MPI_Win_sync(win);
    MPI_Win_shared_query(win, right, &length, &unit, &theirs);
    long wrong = 0;
    for (int i = 0; i < 1 << 14; ++i)
        wrong += theirs[i] != right + i;
    MPI_Win_unlock_all(win);
    tell("shared window: wrong words", wrong);
    MPI_Win_free(&win);
    MPI_Comm_free(&node);
}

static void file(void)
{
    MPI_File file;
    char line[16];

    MPI_File_open(MPI_COMM_WORLD, "written", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    snprintf(line, sizeof line, "from rank %4d\n", rank);
    MPI_File_write_at_all(file, rank * 15, line, 15, MPI_CHAR, MPI_STATUS_IGNORE);
    MPI_File_sync(file);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_read_at_all(file, right * 15, line, 15, MPI_CHAR, MPI_STATUS_IGNORE);
    tell("file: ranks read", strtol(line + 9, NULL, 10));
    MPI_File_close(&file);
}

static void* send_and_receive(void* argument)
{
    int tag = (int)(long)argument;
    long wrong = 0;

    for (int i = 0; i < 50; ++i) {
        int value = rank * 1000 + i, got = -1;
        MPI_Sendrecv(&value, 1, MPI_INT, right, tag, &got, 1, MPI_INT, left, tag, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        wrong += got != left * 1000 + i;
    }
    return (void*)wrong;
}

static void threads(int provided)
{
    pthread_t all[THREADS];
    long wrong = 0;

    if (provided < MPI_THREAD_MULTIPLE)
        return;
    for (long i = 0; i < THREADS; ++i)
        pthread_create(&all[i], NULL, send_and_receive, (void*)(i + 1));
    for (int i = 0; i < THREADS; ++i) {
        void* result;
        pthread_join(all[i], &result);
        wrong += (long)result;
    }
    tell("threads: wrong values", wrong);
}

int main(int argc, char** argv)
{
    int provided;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    left = (rank + size - 1) % size;
    right = (rank + 1) % size;
    tell("ranks: sum of sizes", size);
    messages();
    collectives();
    windows();
    file();
    threads(provided);
    if (argc > 1)
        MPI_Abort(MPI_COMM_WORLD, atoi(argv[1]));
    MPI_Finalize();
    return 0;
}
