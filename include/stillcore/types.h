/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every ABI header builds on: fixed-width types, layout assertions, and the two numbers
 * that both ends compare when they attach. Valid C11 (also inside the Linux module) and C++.
 */
#ifndef STILLCORE_TYPES_H
#define STILLCORE_TYPES_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
#define STILL_STATIC_ASSERT(cond, text) static_assert(cond, text)
#define STILL_ALIGNAS(n) alignas(n)
#else
#define STILL_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#define STILL_ALIGNAS(n) __attribute__((aligned(n)))
#endif

/* Each shared structure states its size, and the offset of each field that the other end reads. */
#define STILL_ASSERT_SIZE(type, bytes) STILL_STATIC_ASSERT(sizeof(type) == (bytes), #type " changed size")
#define STILL_ASSERT_OFFSET(type, field, bytes) \
	STILL_STATIC_ASSERT(offsetof(type, field) == (bytes), #type "." #field " moved")

#define STILL_MAGIC 0x65726f636c6c6974ull /* "tillcore", little endian */
#define STILL_REVISION 8u                 /* raised with every incompatible change of include/ */

#define STILL_PAGE_SIZE 4096ull
#define STILL_CACHE_LINE 64
#define STILL_MAX_CPUS 256    /* CPUs of one OS instance */
#define STILL_MAX_NODES 64    /* NUMA nodes of the machine */
#define STILL_MAX_RANGES 1024 /* physical memory ranges of one OS instance */

#endif
