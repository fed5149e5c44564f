/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPMEM on SMARTMAP. The LWK keeps each process's list of exported segments; all else is calculation: an attachment is
 * an address in the peer's slot. An apid is an index into this process's list of gets, which all threads share.
 */
#include "xpmem.h"

#include <pthread.h>
#include <stillcore/smartmap.h>

#define MAX_GETS 4096
#define PAGE 4096ul

struct get {
    int used;
    unsigned rank;
    int writes;
    struct still_peers_export segment;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct get gets[MAX_GETS];

/* A segid: the owner's rank and the LWK's number for it. Never 0 or negative. */
#define SEGID(rank, number) ((xpmem_segid_t)(rank) << 32 | (xpmem_segid_t)(number))

static long fail(int number)
{
    errno = number;
    return -1;
}

/* Natively, or of no group. */
static int is_member(void)
{
    struct still_peers_info info;
    return smartmap_info(&info) == 0;
}

int xpmem_version(void)
{
    return is_member() ? XPMEM_CURRENT_VERSION : (int)fail(ENOSYS);
}

xpmem_segid_t xpmem_make(void* vaddr, size_t size, int permit_type, void* permit_value)
{
    const unsigned long mode = (unsigned long)permit_value;
    if (!is_member())
        return fail(ENOSYS);
    if (permit_type != XPMEM_PERMIT_MODE || (mode & ~0777ul) != 0)
        return fail(EINVAL);
    const struct still_peers_export segment = {(uintptr_t)vaddr, size, mode};
    const int number = prctl(STILL_PR_PEERS, STILL_PEERS_EXPORT, &segment, 0L, 0L);
    return number < 0 ? -1 : SEGID(smartmap_rank(), number);
}

int xpmem_remove(xpmem_segid_t segid)
{
    if (!is_member())
        return (int)fail(ENOSYS);
    if (segid <= 0)
        return (int)fail(EINVAL);
    if (segid >> 32 != smartmap_rank())
        return (int)fail(EACCES);
    return prctl(STILL_PR_PEERS, STILL_PEERS_WITHDRAW, (unsigned long)(segid & 0xffffffff), 0L, 0L);
}

xpmem_apid_t xpmem_get(xpmem_segid_t segid, int flags, int permit_type, void* permit_value)
{
    struct get wanted = {.used = 1, .rank = (unsigned)(segid >> 32), .writes = (flags & XPMEM_RDWR) != 0};
    if (segid <= 0 || (flags != XPMEM_RDONLY && flags != XPMEM_RDWR) || permit_type != XPMEM_PERMIT_MODE ||
        permit_value != NULL)
        return fail(EINVAL);
    if (prctl(STILL_PR_PEERS, STILL_PEERS_IMPORT, (unsigned long)wanted.rank,
              (unsigned long)(segid & 0xffffffff), &wanted.segment) != 0)
        return fail(errno == EINVAL || errno == ENXIO ? ENOSYS : errno);
    const unsigned long needed = wanted.writes ? 0600 : 0400;
    if ((wanted.segment.mode & needed) != needed)
        return fail(EACCES);
    pthread_mutex_lock(&lock);
    int at = 0;
    while (at < MAX_GETS && gets[at].used)
        at++;
    if (at < MAX_GETS)
        gets[at] = wanted;
    pthread_mutex_unlock(&lock);
    return at < MAX_GETS ? at + 1 : fail(ENOMEM);
}

/* false: there is no such one. */
static int find(xpmem_apid_t apid, struct get* found, int take)
{
    if (apid <= 0 || apid > MAX_GETS)
        return 0;
    pthread_mutex_lock(&lock);
    *found = gets[apid - 1];
    if (take)
        gets[apid - 1].used = 0;
    pthread_mutex_unlock(&lock);
    return found->used;
}

int xpmem_release(xpmem_apid_t apid)
{
    struct get gone;
    return find(apid, &gone, 1) ? 0 : (int)fail(EINVAL);
}

void* xpmem_attach(struct xpmem_addr addr, size_t size, void* vaddr)
{
    struct get from;
    const uint64_t offset = (uint64_t)addr.offset;
    if (!find(addr.apid, &from, 0) || addr.offset < 0 || addr.offset % (off_t)PAGE != 0 || size == 0 ||
        vaddr != NULL || offset > from.segment.bytes || size > from.segment.bytes - offset) {
        fail(EINVAL);
        return (void*)-1;
    }
    void* at = (void*)(uintptr_t)(from.segment.start + offset);
    return from.writes ? smartmap_peer(from.rank, at) : smartmap_peer_read_only(from.rank, at);
}

int xpmem_detach(void* vaddr)
{
    /* Nothing is to be undone; but it must be something that could have been attached. */
    return smartmap_rank_of(vaddr) >= 0 ? 0 : (int)fail(EINVAL);
}
