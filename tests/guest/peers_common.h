/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ranks of peers.c have in common: where they meet, and what happens to who touches a slot. */
#ifndef GUEST_PEERS_COMMON_H
#define GUEST_PEERS_COMMON_H

#include "check.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stillcore/smartmap.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

/* At the same address in all of them. */
static struct {
    atomic_ulong phase; /* how far this rank has come */
    char* mapped;       /* what it has mapped meanwhile */
    atomic_ulong generation;
    atomic_ulong stores[256]; /* by others */
    char text[64];
    unsigned word; /* a futex */
    pthread_mutex_t mutex;
    unsigned long counted; /* under rank 0's */
} shared;

static unsigned rank, size;
static int is_alone;   /* without Linux */
static int linux_sees; /* the slots: not those beyond all addresses that it knows */

#define OF(peer, object) ((__typeof__(&(object)))smartmap_peer((peer), &(object)))

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){0, 200000}, NULL);
}

/* All have come so far. */
static void meet(void)
{
    const unsigned long mine = atomic_fetch_add(&shared.phase, 1) + 1;
    for (unsigned r = 0; r < size; r++)
        while (atomic_load(&OF(r, shared)->phase) < mine)
            pause_a_little();
}

/* A member may be a shell, or this program before its exec: neither posts anything. Who met one of these would lose
 * what he stores there. */
static void meet_this_program(void)
{
    CHECK(smartmap_post(&shared) == 0);
    for (unsigned r = 0; r < size; r++) {
        const time_t end = time(NULL) + 60;
        while (smartmap_find(r) == NULL && time(NULL) < end)
            pause_a_little();
        CHECK(smartmap_find(r) == OF(r, shared));
    }
}

static sigjmp_buf back;
static volatile sig_atomic_t fault_code;

static void on_fault(int number, siginfo_t* info, void* context)
{
    (void)number, (void)context;
    fault_code = info->si_code;
    siglongjmp(back, 1);
}

/* SEGV_MAPERR, SEGV_ACCERR, or 0: it can be done. */
static int tries(volatile char* at, int store)
{
    if (sigsetjmp(back, 1) != 0)
        return fault_code;
    const char value = *at;
    if (store)
        *at = value;
    return 0;
}

static unsigned next(void)
{
    return (rank + 1) % size;
}

#endif
