/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPMEM's interface, on SMARTMAP: a process exports a part of its memory, another of its group attaches it, and from
 * then on reads and writes it by plain loads and stores. See docs/smartmap.md. Link with -lxpmem.
 *
 * The functions return -1 and set errno if they fail:
 *   ENOSYS  the process is no member of a group (mcexec --smartmap)
 *   EINVAL  an argument is wrong: not page aligned, an unknown permit type, flag or identifier, a range outside
 *   EACCES  the segment's mode does not give what is asked for
 *   ENOENT  there is no such segment (any more)
 *   ENOMEM  too many segments or gets
 */
#ifndef XPMEM_H
#define XPMEM_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XPMEM_CURRENT_VERSION 0x00027000
#define XPMEM_VERSION_MAJOR(version) (((version) >> 16) & 0xffff)
#define XPMEM_VERSION_MINOR(version) (((version) >> 12) & 0xf)

typedef long long xpmem_segid_t; /* of an exported part; the same number for all */
typedef long long xpmem_apid_t;  /* of the right to attach it, of one process */

struct xpmem_addr {
    xpmem_apid_t apid;
    off_t offset; /* from the segment's start */
};

/* xpmem_get's flags: what is wanted. */
#define XPMEM_RDONLY 0x1
#define XPMEM_RDWR 0x2

/* xpmem_make's permit type; its value is a mode as of chmod(2), whose bits for the owner count: all are one user's. */
#define XPMEM_PERMIT_MODE 0x1

/* xpmem_make(0, XPMEM_MAXADDR_SIZE, ...): all of the memory, also what is mapped later. */
#define XPMEM_MAXADDR_SIZE ((size_t)(-1L))

int xpmem_version(void);
xpmem_segid_t xpmem_make(void* vaddr, size_t size, int permit_type, void* permit_value);
int xpmem_remove(xpmem_segid_t segid);
xpmem_apid_t xpmem_get(xpmem_segid_t segid, int flags, int permit_type, void* permit_value);
int xpmem_release(xpmem_apid_t apid);
/* vaddr must be NULL: where a segment is seen is given. (void *)-1: it failed. */
void* xpmem_attach(struct xpmem_addr addr, size_t size, void* vaddr);
int xpmem_detach(void* vaddr);

#ifdef __cplusplus
}
#endif

#endif
