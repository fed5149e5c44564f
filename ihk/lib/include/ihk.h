/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libihk: the partition of a machine into Linux and LWK instances, for C programs. Link with -lihk.
 *
 * A descriptor of /dev/ihk (ihk_open) reserves CPUs and memory from Linux and creates instances; one of
 * /dev/ihkN (ihk_os_open) gives an instance its part of what is reserved, loads, boots and stops it. Close
 * both with close(2).
 *
 * Every function returns 0 or more on success, or -errno; with error not NULL it also says in words what was
 * wrong and what to do. A function that fails has changed nothing. CPU lists are Linux's CPU numbers; for an
 * instance the position in the list is the LWK's CPU number. Memory is given by NUMA node in multiples of 4
 * MiB; IHK_MEM_ALL means as much as there is.
 */
#ifndef IHK_H
#define IHK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IHK_MEM_ALL (~0ull)

struct ihk_error {
    char message[512];
    char hint[256]; /* may be empty */
};

struct ihk_mem {
    uint32_t node;
    uint64_t bytes;
};

/* The states of an instance, as ihk_os_state() returns them. */
enum ihk_state {
    IHK_INACTIVE = 0,
    IHK_BOOTING = 1,
    IHK_RUNNING = 2,
    IHK_SHUTDOWN = 3,
    IHK_PANIC = 4,
    IHK_HUNGUP = 5,
    IHK_FREEZING = 6,
    IHK_FROZEN = 7,
};

#define IHK_ANY_CPU (~0u)

/* Is all well with it, as `ihkosctl N get health` says. */
enum ihk_health {
    IHK_HEALTH_HEALTHY = 0,
    IHK_HEALTH_INACTIVE = 1,
    IHK_HEALTH_FROZEN = 2,
    IHK_HEALTH_OUT_OF_MEMORY = 3, /* it runs; for want of memory a program was killed since its boot */
    IHK_HEALTH_PANIC = 4,         /* ihk_os_panic_text() */
    IHK_HEALTH_HUNG = 5,
    IHK_HEALTH_SUSPECT = 6, /* a CPU is being looked at, see its condition; that alone is no failure */
};

/* What is the matter with a CPU that leaves messages unread. */
enum ihk_condition {
    IHK_CONDITION_FINE = 0,
    IHK_CONDITION_COMPUTES = 1,   /* it is in a program: not hung */
    IHK_CONDITION_KERNEL_OFF = 2, /* in the kernel, interrupts off */
    IHK_CONDITION_KERNEL_ON = 3,  /* in the kernel, taking interrupts only */
    IHK_CONDITION_IDLE = 4,       /* idle, with work queued */
    IHK_CONDITION_AWAITS = 5,     /* waits for another CPU to acknowledge an invalidation */
    IHK_CONDITION_SILENT = 6,     /* does not answer an NMI */
};

/* A CPU of an instance; counters and times from its boot on. */
struct ihk_cpu {
    uint32_t linux_cpu;
    uint32_t node;
    uint32_t condition; /* enum ihk_condition */
    uint32_t condition_seconds;
    uint32_t pid; /* what it runs; 0: nothing */
    uint32_t tid;
    uint32_t runnable; /* threads that could run there, the running one included */
    uint32_t reserved;
    uint64_t busy_ns;
    uint64_t idle_ns;
    uint64_t interrupts; /* of all kinds, NMIs included */
    uint64_t strays;     /* of them: vectors that are not the LWK's */
    uint64_t calls_local;
    uint64_t calls_offloaded;
    uint64_t page_faults;
    uint64_t switches;
};

/* An instance's memory on a node; what several programs share counts for each. */
struct ihk_node_usage {
    uint32_t node;
    uint32_t reserved;
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t program_bytes[3]; /* in pages of 4 KiB, 2 MiB, 1 GiB */
};

struct ihk_process {
    uint32_t pid; /* as the caller sees it; 0: it does not */
    uint32_t uid;
    uint32_t num_threads;
    uint32_t num_offloading; /* threads that wait for Linux's answer now */
    uint64_t virtual_bytes;
    uint64_t resident_bytes;
    uint64_t peak_resident_bytes;
    uint64_t cpu_ns;
    uint64_t page_faults;
    uint64_t calls_offloaded;
};

/* A call that Linux has not finished. */
struct ihk_call {
    uint32_t pid;
    uint32_t tid;
    uint32_t seconds; /* for so long at least */
    char name[36];    /* Linux's name of the system call, or [in brackets] a request of the LWK's own */
};

/* The machine. */
int ihk_open(struct ihk_error* error);
int ihk_reserve_cpus(int dev, const uint32_t* cpus, size_t count, struct ihk_error* error);
int ihk_release_cpus(int dev, const uint32_t* cpus, size_t count, struct ihk_error* error);
/* Fills in at most space numbers; returns how many CPUs are reserved and not assigned. */
int ihk_query_cpus(int dev, uint32_t* cpus, size_t space, struct ihk_error* error);
int ihk_reserve_mem(int dev, const struct ihk_mem* items, size_t count, struct ihk_error* error);
int ihk_release_mem(int dev, const struct ihk_mem* items, size_t count, struct ihk_error* error);
int ihk_query_mem(int dev, struct ihk_mem* items, size_t space, struct ihk_error* error);
/* Returns the number of the new instance. */
int ihk_create_os(int dev, struct ihk_error* error);
int ihk_destroy_os(int dev, unsigned os, struct ihk_error* error);
int ihk_os_instances(int dev, uint32_t* indices, size_t space, struct ihk_error* error);

/* One instance. */
int ihk_os_open(unsigned os, struct ihk_error* error);
/* For the functions that only look, which need no more than the right to read /dev/ihkN. */
int ihk_os_open_to_look(unsigned os, struct ihk_error* error);
int ihk_os_assign_cpus(int os, const uint32_t* cpus, size_t count, struct ihk_error* error);
int ihk_os_release_cpus(int os, const uint32_t* cpus, size_t count, struct ihk_error* error);
int ihk_os_query_cpus(int os, uint32_t* cpus, size_t space, struct ihk_error* error);
int ihk_os_assign_mem(int os, const struct ihk_mem* items, size_t count, struct ihk_error* error);
int ihk_os_release_mem(int os, const struct ihk_mem* items, size_t count, struct ihk_error* error);
int ihk_os_query_mem(int os, struct ihk_mem* items, size_t space, struct ihk_error* error);
/* The CPU of Linux that takes the doorbells of a CPU of the instance; IHK_ANY_CPU: as Linux places the interrupt. */
int ihk_os_set_ikc_map(int os, const uint32_t* cpus, const uint32_t* servers, size_t count,
                       struct ihk_error* error);
/* Fills in at most space entries of each, in the order of the instance's CPUs; returns how many CPUs it has. */
int ihk_os_get_ikc_map(int os, uint32_t* cpus, uint32_t* servers, size_t space, struct ihk_error* error);
/* path NULL: the image that ihkosctl would find. */
int ihk_os_load(int os, const char* path, struct ihk_error* error);
int ihk_os_kargs(int os, const char* text, struct ihk_error* error);
/* timeout_ms 0: the module's default. */
int ihk_os_boot(int os, uint32_t timeout_ms, struct ihk_error* error);
/* Returns 1 if the LWK acknowledged, 0 if its CPUs were stopped without an answer. */
int ihk_os_shutdown(int os, uint32_t timeout_ms, struct ihk_error* error);

/* What only looks. Those with space fill in at most so many entries and return how many there are. */
int ihk_os_state(int os, struct ihk_error* error);
/* Returns an enum ihk_health. */
int ihk_os_health(int os, struct ihk_error* error);
/* The words of a panic, ended by a NUL; returns their length as snprintf(3) does, 0 if there was none. */
int ihk_os_panic_text(int os, char* buffer, size_t space, struct ihk_error* error);
/* In the order of the LWK's numbers. */
int ihk_os_cpus(int os, struct ihk_cpu* cpus, size_t space, struct ihk_error* error);
int ihk_os_usage(int os, struct ihk_node_usage* nodes, size_t space, struct ihk_error* error);
int ihk_os_processes(int os, struct ihk_process* processes, size_t space, struct ihk_error* error);
int ihk_os_calls(int os, struct ihk_call* calls, size_t space, struct ihk_error* error);

/* All its CPUs stop where they are, until thawed or shut down. */
int ihk_os_freeze(int os, struct ihk_error* error);
int ihk_os_thaw(int os, struct ihk_error* error);
/* Writes a core file for gdb. full 0: without the memory of programs. */
int ihk_os_dump(int os, const char* path, int full, struct ihk_error* error);
/* Copies log bytes from number *from on (0: behind what was cleared, or the last boot) and advances *from; returns
 * how many, 0 at the end. */
long ihk_os_kmsg(int os, uint64_t* from, char* buffer, size_t space, struct ihk_error* error);
int ihk_os_clear_kmsg(int os, struct ihk_error* error);

#ifdef __cplusplus
}
#endif

#endif
