// SPDX-License-Identifier: BSD-2-Clause
// A shared file under attack. On one side threads load and store through a mapping; on the other Linux truncates it,
// punches holes, writes, syncs, drops caches and moves pages. What a word can be is known: nothing, or its own tag.
// Words of the first pages only count up, and whatever was stored last is on the disk at the end.
//    mirror_storm touch FILE SECONDS THREADS | disturb FILE SECONDS | sync FILE | verify FILE
#include "check.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, STABLE = 16, WILD = 300, PAGES = STABLE + WILD, WORDS = PAGE / 8, MAX_THREADS = 64 };

static atomic_uint_least64_t (*file)[WORDS];
static atomic_bool stop;
static atomic_long loads, stores, faults;
static _Thread_local sigjmp_buf back;

static uint64_t tag(int page, int slot)
{
    return 0xfeed000000000000u | (uint64_t)page << 16 | (uint64_t)slot;
}

// Linux copies, clears and cuts off bytes: half of it may be there.
static bool may_be(uint64_t value, int page, int slot)
{
    for (int byte = 0; byte < 64; byte += 8)
        if ((value >> byte & 0xff) != 0 && (value >> byte & 0xff) != (tag(page, slot) >> byte & 0xff))
            return false;
    return true;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void beyond_the_end(int signo)
{
    (void)signo;
    siglongjmp(back, 1);
}

static void look(int page, int slot)
{
    const uint64_t value = atomic_load_explicit(&file[page][slot], memory_order_relaxed);
    if (!may_be(value, page, slot)) {
        fprintf(stderr, "page %d word %d: %llx\n", page, slot, (unsigned long long)value);
        _exit(1);
    }
}

static void* touch(void* argument)
{
    const int me = (int)(intptr_t)argument;
    volatile unsigned kept = (unsigned)me * 7919 + 1;
    volatile uint64_t count = 0;
    while (!atomic_load(&stop)) {
        if (sigsetjmp(back, 0) != 0) {
            atomic_fetch_add(&faults, 1);
            continue;
        }
        unsigned seed = kept;
        kept = kept * 1664525 + 1013904223;
        for (int i = 0; i < 200; i++) {
            const int page = STABLE + rand_r(&seed) % WILD;
            const int slot = rand_r(&seed) % WORDS;
            if (rand_r(&seed) % 2 == 0) {
                look(page, slot);
                atomic_fetch_add(&loads, 1);
            } else {
                atomic_store_explicit(&file[page][slot], tag(page, slot), memory_order_relaxed);
                atomic_fetch_add(&stores, 1);
            }
        }
        // This word is mine alone; nobody takes its page away for good.
        atomic_uint_least64_t* mine = &file[me % STABLE][me / STABLE];
        if (atomic_load(mine) != count) {
            fprintf(stderr, "thread %d counted to %llu, the file says %llu\n", me, (unsigned long long)count,
                    (unsigned long long)atomic_load(mine));
            _exit(1);
        }
        atomic_store(mine, count + 1);
        count = count + 1;
    }
    return NULL;
}

static void touch_all(double seconds, int threads)
{
    struct sigaction act = {.sa_handler = beyond_the_end, .sa_flags = SA_NODEFER};
    sigaction(SIGBUS, &act, NULL);
    pthread_t thread[MAX_THREADS];
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&thread[i], NULL, touch, (void*)(intptr_t)i) == 0);
    for (const double end = now() + seconds; now() < end;)
        usleep(100000);
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    char name[64];
    uint64_t counts[MAX_THREADS] = {0};
    for (int i = 0; i < threads; i++)
        counts[i] = atomic_load(&file[i % STABLE][i / STABLE]);
    snprintf(name, sizeof name, "/tmp/mirror-storm-counts");
    const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, counts, sizeof counts) == sizeof counts);
    printf("%ld loads, %ld stores, %ld faults beyond the end\n", loads, stores, faults);
    CHECK(loads > 1000 && stores > 1000);
}

static void tell(const char* path, const char* text)
{
    const int fd = open(path, O_WRONLY);
    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    close(fd);
}

static void move(unsigned* seed)
{
    void* pages[PAGES];
    int nodes[PAGES], status[PAGES];
    for (int i = 0; i < PAGES; i++) {
        pages[i] = file[i];
        nodes[i] = rand_r(seed) % 2;
    }
    syscall(SYS_move_pages, 0, (unsigned long)PAGES, pages, nodes, status, MPOL_MF_MOVE_ALL);
}

static void disturb(int fd, double seconds)
{
    unsigned seed = 4711;
    long rounds = 0, moved = 0;
    uint64_t seen[MAX_THREADS] = {0};
    for (const double end = now() + seconds; now() < end; rounds++) {
        const int page = STABLE + rand_r(&seed) % WILD;
        switch (rand_r(&seed) % 16) {
        case 0:
            CHECK(ftruncate(fd, (off_t)page * PAGE + rand_r(&seed) % PAGE) == 0);
            usleep(rand_r(&seed) % 2000);
            CHECK(ftruncate(fd, (off_t)PAGES * PAGE) == 0);
            break;
        case 1:
        case 2:
            CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page * PAGE,
                            (off_t)(1 + rand_r(&seed) % 20) * PAGE) == 0);
            break;
        case 3:
            CHECK(fsync(fd) == 0);
            break;
        case 4:
            CHECK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0);
            break;
        case 5:
            if (rounds % 8 == 0)
                tell("/proc/sys/vm/compact_memory", "1");
            move(&seed);
            moved++;
            break;
        case 6:
            if (rounds % 8 == 0)
                tell("/proc/sys/vm/drop_caches", "1");
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            break;
        case 7:
            for (int i = 0; i < MAX_THREADS; i++) { // they only grow, seen from here too
                uint64_t value = 0;
                CHECK(pread(fd, &value, 8, (off_t)(i % STABLE) * PAGE + i / STABLE * 8) == 8);
                CHECK(value >= seen[i]);
                seen[i] = value;
            }
            break;
        default: {
            const int slot = rand_r(&seed) % WORDS;
            const uint64_t value = tag(page, slot);
            CHECK(pwrite(fd, &value, 8, (off_t)page * PAGE + slot * 8) == 8);
            break;
        }
        }
    }
    CHECK(ftruncate(fd, (off_t)PAGES * PAGE) == 0 && fsync(fd) == 0);
    printf("%ld rounds, %ld with moves\n", rounds, moved);
}

static void verify(int fd)
{
    static uint64_t page[WORDS];
    uint64_t counts[MAX_THREADS];
    CHECK(fsync(fd) == 0);
    tell("/proc/sys/vm/drop_caches", "3");
    for (int p = STABLE; p < PAGES; p++) {
        CHECK(pread(fd, page, PAGE, (off_t)p * PAGE) == PAGE);
        for (int w = 0; w < WORDS; w++)
            CHECK(may_be(page[w], p, w));
    }
    const int list = open("/tmp/mirror-storm-counts", O_RDONLY);
    CHECK(read(list, counts, sizeof counts) == sizeof counts);
    for (int i = 0; i < MAX_THREADS; i++) {
        uint64_t value = 0;
        CHECK(pread(fd, &value, 8, (off_t)(i % STABLE) * PAGE + i / STABLE * 8) == 8);
        if (value != counts[i])
            fprintf(stderr, "thread %d: %llu on the disk, %llu counted\n", i, (unsigned long long)value,
                    (unsigned long long)counts[i]);
        CHECK(value == counts[i]);
    }
    printf("ok mirror_storm\n");
}

// Each store before an fsync is on the disk after it: writeback takes the right to write away.
static void store_and_sync(const char* path, int fd)
{
    uint64_t* direct = aligned_alloc(PAGE, PAGE);
    const int disk = open(path, O_RDONLY | O_DIRECT);
    CHECK(direct != NULL && disk >= 0 && ftruncate(fd, (off_t)PAGES * PAGE) == 0);
    for (uint64_t i = 1; i <= 40; i++) {
        atomic_store(&file[3][7], i);
        CHECK(fsync(fd) == 0 && pread(disk, direct, PAGE, 3 * PAGE) == PAGE);
        CHECK(direct[7] == i);
    }
    printf("ok mirror_storm\n");
}

int main(int argc, char** argv)
{
    if (argc < 3) {
        printf("ok mirror_storm: usage: touch|disturb|verify FILE [SECONDS [THREADS]]\n");
        return 0;
    }
    const int fd = open(argv[2], O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && (argc < 5 || ftruncate(fd, (off_t)PAGES * PAGE) == 0));
    file = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED);
    if (strcmp(argv[1], "touch") == 0)
        touch_all(atof(argv[3]), argc > 4 ? atoi(argv[4]) : 3);
    else if (strcmp(argv[1], "disturb") == 0)
        disturb(fd, atof(argv[3]));
    else if (strcmp(argv[1], "sync") == 0)
        store_and_sync(argv[2], fd);
    else
        verify(fd);
    return 0;
}
