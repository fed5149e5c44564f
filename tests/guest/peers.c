/* SPDX-License-Identifier: BSD-2-Clause */
/* SMARTMAP between the processes of one group: each of `peers COUNT SECONDS` runs it with another --rank. */
#include "peers_common.h"

static void see_each_other(void)
{
    snprintf(shared.text, sizeof shared.text, "rank %u", rank);
    meet();
    for (unsigned r = 0; r < size; r++) {
        char expected[64];
        snprintf(expected, sizeof expected, "rank %u", r);
        CHECK(strcmp(OF(r, shared)->text, expected) == 0);
        atomic_fetch_add(&OF(r, shared)->stores[rank], rank + 1);
    }
    meet();
    for (unsigned r = 0; r < size; r++)
        CHECK(atomic_load(&shared.stores[r]) == r + 1);
    CHECK(smartmap_rank_of(&shared) == -1 && smartmap_rank_of(OF(next(), shared)) == (int)next());
    struct still_peers_info info;
    CHECK(smartmap_info(&info) == 0 && info.rank == rank && info.size == size && info.there == size);
    CHECK_ERRNO(smartmap_wait(254, 20), ETIMEDOUT);
    meet();
}

/* What a peer maps later is there at once; small and large pages; not touched by the peer itself. */
static void later_mappings(void)
{
    const size_t bytes = 8ul << 20;
    shared.mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(shared.mapped != MAP_FAILED);
    shared.mapped[0] = (char)rank;
    char* lazy =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(lazy != MAP_FAILED);
    shared.mapped[1] = 1;
    CHECK(smartmap_post(lazy) == 0);
    meet();
    char* theirs = smartmap_peer(next(), OF(next(), shared)->mapped);
    CHECK(theirs[0] == (char)next());
    for (size_t at = PAGE; at < bytes; at += PAGE)
        theirs[at] = (char)(at / PAGE);
    char* found = smartmap_find(next());
    CHECK(found != NULL && found[bytes - 1] == 0);
    found[5 * PAGE] = 77;
    meet();
    for (size_t at = PAGE; at < bytes; at += PAGE)
        CHECK(shared.mapped[at] == (char)(at / PAGE));
    CHECK(lazy[5 * PAGE] == 77);
    /* Rights are the peer's. */
    CHECK(mprotect(shared.mapped, PAGE, PROT_READ) == 0 &&
          mprotect(shared.mapped + PAGE, PAGE, PROT_NONE) == 0);
    CHECK(munmap(shared.mapped + 2 * PAGE, PAGE) == 0);
    meet();
    CHECK(tries(theirs, 0) == 0 && tries(theirs, 1) == SEGV_ACCERR);
    CHECK(tries(theirs + PAGE, 0) == SEGV_ACCERR && tries(theirs + 2 * PAGE, 0) == SEGV_MAPERR);
    CHECK(tries(theirs + 3 * PAGE, 1) == 0);
    meet();
    CHECK(munmap(shared.mapped, bytes) == 0 && munmap(lazy, bytes) == 0);
    meet();
    CHECK(tries(theirs + 3 * PAGE, 0) == SEGV_MAPERR);
    meet();
}

/* What /proc says of it (docs/smartmap.md). */
static void published(void)
{
    char text[8192], expected[128];
    const int file = open("/proc/self/status", O_RDONLY);
    const ssize_t bytes = read(file, text, sizeof text - 1);
    CHECK(bytes > 0 && close(file) == 0);
    text[bytes] = 0;
    snprintf(expected, sizeof expected, "SmartmapRank:\t%u\nSmartmapSize:\t%u\nSmartmapShift:\t%u\n", rank,
             size, smartmap_shift());
    CHECK(strstr(text, expected) != NULL);
}

/* Linux's calls, with pointers into what it can't see. */
static void beyond_linux(void)
{
    int fds[2];
    char text[8];
    CHECK(pipe(fds) == 0 && write(fds[1], "abc", 3) == 3);
    char* theirs = OF(next(), shared)->text;
    struct iovec part = {theirs, 3};
    CHECK_ERRNO(write(fds[1], theirs, 3), EFAULT);
    CHECK_ERRNO(writev(fds[1], &part, 1), EFAULT);
    CHECK_ERRNO(read(fds[0], theirs, 3), EFAULT);
    CHECK_ERRNO(open(theirs, O_RDONLY), EFAULT);
    CHECK_ERRNO(execl(theirs, "x", (char*)NULL), EFAULT);
    CHECK_ERRNO(process_vm_readv(getpid(), &part, 1, &part, 1, 0), EFAULT);
    /* What the LWK serves itself takes them. */
    CHECK(sigprocmask(SIG_BLOCK, NULL, (sigset_t*)theirs) == 0);
    CHECK(read(fds[0], text, sizeof text) == 3 && memcmp(text, "abc", 3) == 0);
    close(fds[0]);
    close(fds[1]);
    meet();
}

/* Linux's calls, with pointers into a peer's memory. */
static void offloaded(void)
{
    int fds[2];
    char text[64], expected[64];
    CHECK(pipe(fds) == 0);
    meet();
    snprintf(expected, sizeof expected, "rank %u", next());
    char* theirs = OF(next(), shared)->text;
    CHECK(write(fds[1], theirs, strlen(expected) + 1) == (ssize_t)strlen(expected) + 1);
    CHECK(read(fds[0], text, sizeof text) == (ssize_t)strlen(expected) + 1 && strcmp(text, expected) == 0);
    meet();
    snprintf(text, sizeof text, "%u was here", rank);
    CHECK(write(fds[1], text, sizeof text) == sizeof text);
    CHECK(read(fds[0], theirs, sizeof text) == sizeof text);
    meet();
    snprintf(expected, sizeof expected, "%u was here", (rank + size - 1) % size);
    CHECK(strcmp(shared.text, expected) == 0);
    /* Not there: an error, as with any bad pointer. */
    CHECK_ERRNO(write(fds[1], smartmap_peer(next(), (void*)0x1000), 8), EFAULT);
    CHECK_ERRNO(write(fds[1], smartmap_peer(size, &shared), 8), EFAULT);
    /* process_vm_readv of one's own process, into a slot. */
    meet();
    struct iovec to = {OF(next(), shared)->text, 8}, from = {"straight", 8};
    if (is_alone)
        CHECK_ERRNO(process_vm_readv(getpid(), &to, 1, &from, 1, 0), EFAULT);
    else
        CHECK(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 8);
    meet();
    CHECK(is_alone || memcmp(shared.text, "straight", 8) == 0);
    close(fds[0]);
    close(fds[1]);
}

static long futex(unsigned* word, int op, unsigned value, const struct timespec* timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* Whoever names the word, by its owner's address or by a slot, meets whoever waits for it: rank 0 waits. */
static void meet_by_word(unsigned owner)
{
    unsigned* const word = rank == owner ? &shared.word : &OF(owner, shared)->word;
    if (rank == 0)
        CHECK(futex(word, FUTEX_WAIT, 0, &(struct timespec){60, 0}) == 0);
    while (rank == 1 && futex(word, FUTEX_WAKE, 1, NULL) == 0)
        pause_a_little();
    meet();
}

static void futexes(void)
{
    unsigned* const theirs = &OF(next(), shared)->word;
    for (unsigned owner = 0; size > 1 && owner < 2; owner++)
        meet_by_word(owner);
    CHECK_ERRNO(futex(theirs, FUTEX_WAIT, 1, NULL), EAGAIN);
    CHECK_ERRNO(futex(smartmap_peer(size, &shared.word), FUTEX_WAKE, 1, NULL), EFAULT);
    CHECK_ERRNO(futex(theirs, FUTEX_LOCK_PI, 0, NULL), ENOSYS);
    /* A lock of all of them, in the first one's memory. */
    pthread_mutexattr_t attributes;
    CHECK(pthread_mutexattr_init(&attributes) == 0 &&
          pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
    if (rank == 0)
        CHECK(pthread_mutex_init(&shared.mutex, &attributes) == 0);
    meet();
    for (int i = 0; i < 2000; i++) {
        CHECK(pthread_mutex_lock(&OF(0, shared)->mutex) == 0);
        OF(0, shared)->counted++;
        CHECK(pthread_mutex_unlock(&OF(0, shared)->mutex) == 0);
    }
    meet();
    CHECK(OF(0, shared)->counted == 2000ul * size);
}

static void read_only(void)
{
    int fds[2];
    CHECK(pipe(fds) == 0);
    meet();
    char* theirs = OF(next(), shared)->text;
    /* As Linux has it mapped for writing, too. */
    if (linux_sees)
        CHECK(write(fds[1], "abc", 3) == 3 && read(fds[0], theirs, 3) == 3);
    meet();
    CHECK(smartmap_share(STILL_PEERS_READ) == 0);
    /* No barrier by stores any more: the caller's own word alone. */
    meet();
    CHECK(tries(theirs, 0) == 0 && tries(theirs, 1) == SEGV_ACCERR);
    if (linux_sees)
        CHECK(write(fds[1], theirs, 3) == 3);
    CHECK_ERRNO(read(fds[0], theirs, 3), EFAULT);
    CHECK(tries(smartmap_peer(rank, shared.text), 1) == 0);
    meet();
    CHECK(smartmap_share(STILL_PEERS_WRITE) == 0);
    meet();
    CHECK(tries(theirs, 1) == 0);
    close(fds[0]);
    close(fds[1]);
    CHECK_ERRNO(smartmap_share(3), EINVAL);
    meet();
}

/* A child has the memory, and no peers: neither does it see any, nor is it seen. */
static void forked(void)
{
    char* theirs = OF(next(), shared)->text;
    atomic_store(&shared.generation, 1);
    meet();
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct still_peers_info info;
        CHECK_ERRNO(smartmap_info(&info), ENXIO);
        CHECK(tries(theirs, 0) == SEGV_MAPERR);
        atomic_store(&shared.generation, 2); /* a copy */
        CHECK(strcmp(shared.text + 60, "") == 0);
        _exit(42);
    }
    /* Copied on write by us, and by who writes through the slot. */
    shared.text[1] = 'p';
    OF(next(), shared)->text[40] = 'q';
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    meet();
    CHECK(OF(next(), shared)->text[1] == 'p' && shared.text[40] == 'q');
    CHECK(atomic_load(&OF(next(), shared)->generation) == 1);
    const pid_t other = vfork();
    if (other == 0) {
        execl("/bin/true", "true", (char*)NULL);
        _exit(1);
    }
    CHECK(waitpid(other, &status, 0) == other && status == 0);
    CHECK(OF(next(), shared)->text[1] == 'p');
    meet();
}

/* A page that was unmapped and is used again must never be seen in its old place: each round the owner maps a page,
 * fills it with its round, unmaps it, and has something else in all the memory that comes free. Others read all the
 * while: they see rounds of this place, or a fault, and nothing else. */
#define MARK 0x5a5a000000000000ul

static atomic_ulong stop;

static void* fill_memory(void* unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        unsigned long* other =
            mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        CHECK(other != MAP_FAILED);
        for (size_t i = 0; i < 16 * PAGE / sizeof *other; i += 64)
            other[i] = 0xbadul;
        CHECK(munmap(other, 16 * PAGE) == 0);
    }
    return NULL;
}

static void storm_of_owner(unsigned seconds)
{
    pthread_t thread;
    const time_t end = time(NULL) + seconds;
    char* const place = (char*)0x700000000ul;
    CHECK(pthread_create(&thread, NULL, fill_memory, NULL) == 0);
    unsigned long round = 0;
    while (time(NULL) < end) {
        unsigned long* page = mmap(place, 4 * PAGE, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
        CHECK(page != MAP_FAILED);
        for (size_t i = 0; i < 4 * PAGE / sizeof *page; i += 16)
            page[i] = MARK | round;
        if (round % 3 == 1)
            CHECK(mprotect(page, 4 * PAGE, PROT_READ) == 0);
        if (round % 5 == 4) {
            const pid_t child = fork();
            if (child == 0)
                _exit(0);
            if (round % 3 != 1)
                page[0] = MARK | round;
            CHECK(waitpid(child, NULL, 0) == child);
        }
        if (round % 7 == 6)
            CHECK(mremap(page, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 64 * PAGE) ==
                      place + 64 * PAGE &&
                  munmap(place + 64 * PAGE, 4 * PAGE) == 0);
        else
            CHECK(munmap(page, 4 * PAGE) == 0);
        round++;
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    atomic_store(&shared.generation, ~0ul);
    printf("%lu rounds\n", round);
}

static void storm_of_reader(void)
{
    int fds[2];
    CHECK(pipe(fds) == 0);
    unsigned long seen = 0, faults = 0, written = 0, refused = 0;
    const volatile unsigned long* place = smartmap_peer(0, (void*)0x700000000ul);
    while (atomic_load(&OF(0, shared)->generation) != ~0ul) {
        if (sigsetjmp(back, 1) == 0) {
            for (size_t i = 0; i < 4 * PAGE / sizeof *place; i += 16) {
                const unsigned long value = place[i];
                if (value != 0 && value >> 48 != MARK >> 48) {
                    fprintf(stderr, "stale: %lx at %zu\n", value, i);
                    exit(1);
                }
            }
            seen++;
        } else {
            faults++;
        }
        unsigned long value;
        if (write(fds[1], (const void*)place, sizeof value) == sizeof value) {
            CHECK(read(fds[0], &value, sizeof value) == sizeof value);
            CHECK(value == 0 || value >> 48 == MARK >> 48);
            written++;
        } else {
            CHECK(errno == EFAULT);
            refused++;
        }
    }
    printf("%lu times seen, %lu faults, %lu written by Linux, %lu refused\n", seen, faults, written, refused);
}

/* The last ends, and takes its memory along; the others see that it is gone. */
static void the_end(void)
{
    const unsigned last = size - 1;
    char* theirs = OF(last, shared)->text;
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(tries(theirs, 0) == 0 && (!linux_sees || write(fds[1], theirs, 3) == 3));
    meet();
    if (rank == last)
        return;
    /* Nobody waits for the word of one that has gone. */
    const long woken = futex(&OF(last, shared)->word, FUTEX_WAIT, 0, &(struct timespec){60, 0});
    CHECK(woken == 0 || errno == EFAULT);
    while (tries(theirs, 0) == 0)
        pause_a_little();
    CHECK(tries(theirs, 0) == SEGV_MAPERR);
    CHECK_ERRNO(smartmap_pid(last), ESRCH);
    while (write(fds[1], theirs, 3) == 3) /* Linux has its part of the end some time later */
        pause_a_little();
    CHECK(errno == EFAULT);
}

int main(int argc, char** argv)
{
    const unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
    if (smartmap_rank() < 0) {
        struct still_peers_info info;
        CHECK(smartmap_info(&info) == -1 && (errno == EINVAL || errno == ENXIO));
        puts("ok peers: alone");
        return 0;
    }
    rank = (unsigned)smartmap_rank();
    size = smartmap_size();
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    for (unsigned r = 0; r < size; r++)
        CHECK(smartmap_wait(r, 60000) == 0);
    if (argc > 2) { /* the program that a member executes has its rank */
        execl("/proc/self/exe", argv[0], argv[1], (char*)NULL);
        CHECK(0);
    }
    meet_this_program();
    is_alone = getenv("STILLCORE_SMARTMAP") != NULL;
    linux_sees = is_alone || smartmap_shift() != STILL_PEERS_SHIFT_5;
    see_each_other();
    published();
    later_mappings();
    if (linux_sees)
        offloaded();
    else
        beyond_linux();
    futexes();
    if (size > 1)
        read_only();
    forked();
    if (seconds != 0) {
        if (rank == 0)
            storm_of_owner(seconds);
        else
            storm_of_reader();
        meet();
    }
    the_end();
    printf("ok peers %u\n", rank);
    return 0;
}
