/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The administrator's ioctls: /dev/ihk (partition: reserve CPUs and memory, create instances) and
 * /dev/ihkN (one OS instance). All need root (CAP_SYS_ADMIN), else EPERM; queries, STATUS and KMSG of
 * /dev/ihkN need only the right to open it for reading, except KMSG, which is root's.
 *
 * Every structure carries a text field: on an error the module says there, in words, which CPU, node or
 * step was wrong; tools print it. An operation that fails changes nothing (what it had taken is undone).
 */
#ifndef STILLCORE_IOCTL_ADMIN_H
#define STILLCORE_IOCTL_ADMIN_H

#include "boot_block.h"
#include "report.h"
#include "shared.h"
#include "types.h"

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define STILL_TEXT 160
#define STILL_MAX_LINUX_CPUS 4096
#define STILL_MAX_INSTANCES 64
#define STILL_MEM_ALL (~0ull)

/* Ordered list of Linux CPU numbers; for an instance, position is the LWK's CPU number. */
struct still_cpu_list {
	uint32_t count;
	uint32_t reserved;
	uint32_t cpu[STILL_MAX_CPUS];
	char text[STILL_TEXT];
};

#define STILL_NO_CPU (~0u)

/* Which CPU of Linux takes the doorbells of which of the instance's CPUs, both by Linux's numbers. */
struct still_ikc_map {
	uint32_t count; /* out: CPUs of the instance, in its order; in: those that change */
	uint32_t reserved;
	uint32_t cpu[STILL_MAX_CPUS];
	uint32_t server[STILL_MAX_CPUS]; /* STILL_NO_CPU: as Linux places the interrupt */
	uint32_t now[STILL_MAX_CPUS];    /* out: who takes them at this moment, STILL_NO_CPU: it is not up */
	char text[STILL_TEXT];
};

/* Memory by node. reserve: take so much from each named node; release and assign likewise.
 * A query fills in what is there. */
struct still_mem_item {
	uint32_t node;
	uint32_t reserved;
	uint64_t bytes; /* multiple of 4 MiB; STILL_MEM_ALL: as much as there is */
};

struct still_mem_list {
	uint32_t count;
	uint32_t reserved;
	struct still_mem_item item[STILL_MAX_NODES];
	char text[STILL_TEXT];
};

/* What the module took since it was loaded, and gave back: the books that must balance. */
struct still_accounts {
	uint64_t pages_taken;
	uint64_t pages_returned;
	uint64_t cpus_taken;
	uint64_t cpus_returned;
	uint64_t pages_held; /* now: reserved or assigned */
	uint64_t cpus_held;
	uint64_t reserved[4];
};

struct still_instances {
	uint32_t count;
	uint32_t index[STILL_MAX_INSTANCES];
};

struct still_destroy {
	uint32_t index;
	char text[STILL_TEXT];
};

/* Instance states as administrators see them. */
enum still_os_state {
	STILL_OS_INACTIVE = 0, /* nothing booted */
	STILL_OS_BOOTING = 1,
	STILL_OS_RUNNING = 2,
	STILL_OS_SHUTDOWN = 3, /* shutdown under way */
	STILL_OS_PANIC = 4,
	STILL_OS_HUNGUP = 5,
	STILL_OS_FREEZING = 6,
	STILL_OS_FROZEN = 7, /* its CPUs stand still, until it is thawed or shut down */
};

struct still_load {
	uint64_t image; /* user address of the whole ELF file */
	uint64_t size;
	char text[STILL_TEXT];
};

struct still_kargs {
	char cmdline[1024]; /* NUL terminated */
	char text[STILL_TEXT];
};

struct still_boot {
	uint32_t timeout_ms; /* 0: default (10 s) */
	uint32_t reserved;
	uint64_t boot_us; /* out: from INIT of the first CPU to RUNNING */
	char text[STILL_TEXT];
};

struct still_shutdown {
	uint32_t timeout_ms; /* 0: default (5 s); then the CPUs are stopped by INIT all the same */
	uint32_t orderly;    /* out: 1 if the LWK acknowledged */
	char text[STILL_TEXT];
};

/* What is the matter with a CPU that leaves messages unread, as its answer to an NMI shows. */
enum still_condition {
	STILL_CONDITION_FINE = 0,
	STILL_CONDITION_COMPUTES = 1,   /* it is in a program: not hung */
	STILL_CONDITION_KERNEL_OFF = 2, /* in the kernel, interrupts off */
	STILL_CONDITION_KERNEL_ON = 3,  /* in the kernel, interrupts come in, nothing else gets the CPU */
	STILL_CONDITION_IDLE = 4,       /* idle, with work queued */
	STILL_CONDITION_AWAITS = 5,     /* waits for another to acknowledge an invalidation */
	STILL_CONDITION_SILENT = 6,     /* does not answer the NMI */
};

struct still_os_cpu {
	uint32_t linux_cpu;
	uint32_t apic_id;
	uint32_t node;
	uint32_t condition; /* enum still_condition */
	uint32_t condition_seconds;
	uint32_t reserved;
	uint64_t condition_rip; /* where in the kernel */
	struct still_cpu_counters counters;
};

struct still_status {
	uint32_t state; /* enum still_os_state */
	uint32_t num_cpus;
	uint32_t num_processes; /* proxies attached */
	uint32_t peers_shift; /* STILL_PEERS_SHIFT, or with page tables of five levels STILL_PEERS_SHIFT_5 */
	uint64_t tsc_khz;
	uint64_t tsc_now;      /* to complete the running stretches of the counters */
	uint64_t doorbells;    /* taken by Linux */
	uint64_t bad_messages; /* from the LWK: malformed, dropped */
	uint64_t quarantined;  /* pages with foreign references, now */
	uint64_t zaps;
	uint64_t faults;    /* Linux faults served from LWK memory */
	uint64_t fault_ins; /* of them: asked from the LWK */
	uint64_t fills;
	uint64_t log_head;
	uint64_t kept;   /* bytes that the LWK keeps, once taken, for its objects and tables */
	uint64_t cached; /* bytes of free memory that hold contents of files, until they are needed */
	/* Pages of 4 KiB, 2 MiB, 1 GiB leaves that were mapped for Linux; tries where the LWK's change came first. */
	uint64_t tries[3];
	uint64_t lost_tries;
	struct still_node_counters nodes[STILL_MAX_NODES];
	char panic_text[192];
	uint64_t oom_kills; /* programs that were killed since there was no memory for them */
	uint32_t cpu_space; /* in: room in cpus[] below */
	uint32_t reserved2;
	uint64_t cpus; /* in: user address of struct still_os_cpu[cpu_space], filled with num_cpus at most */
};

struct still_kmsg {
	/* in: byte number to start at, 0: behind what was cleared; out: first byte that was still there */
	uint64_t from;
	uint64_t buffer; /* in: user address */
	uint64_t size;   /* in: room; out: bytes copied */
};

struct still_inject_request {
	uint32_t what; /* enum still_inject of ikc.h */
	char text[STILL_TEXT];
};

struct still_drop_cache {
	uint64_t bytes; /* out: that were cached */
	char text[STILL_TEXT];
};

/* The CPUs stop where they are, by NMI. */
struct still_freeze {
	/* in: 1: for a dump. THAW with the same, or the end of the open file, ends it; the state is not FROZEN, a
	 * dead LWK's CPUs are held too, and one that does not answer is no error. */
	uint32_t while_open;
	uint32_t held; /* out: CPUs that stand still */
	char text[STILL_TEXT];
};

enum still_dump_kind { STILL_DUMP_MEMORY = 1, STILL_DUMP_SHARED = 2, STILL_DUMP_LENT = 3 };

/* Memory of the instance, or that Linux lent it. */
struct still_dump_piece {
	uint64_t phys;
	uint64_t bytes;
	uint32_t kind; /* enum still_dump_kind; one is SHARED: struct still_shared */
	uint32_t reserved;
};

struct still_dump_info {
	uint64_t image_phys;
	uint64_t image_bytes;
	uint64_t pieces; /* in: user address of struct still_dump_piece[space] */
	uint32_t space;  /* in */
	uint32_t count;  /* out: pieces that there are */
	char text[STILL_TEXT];
};

/* A call that Linux serves for a thread of the LWK and has not finished. */
struct still_waiting_call {
	uint32_t pid; /* in the proxy's PID namespace */
	uint32_t tid;
	uint32_t nr;      /* Linux's number, or enum still_call */
	uint32_t seconds; /* for so long at least */
};

struct still_calls {
	uint64_t buffer; /* in: user address of struct still_waiting_call[space] */
	uint32_t space;  /* in */
	uint32_t count;  /* out: that there are */
	char text[STILL_TEXT];
};

#define STILL_DUMP_MAX_READ (4u << 20)

struct still_dump_read {
	uint64_t phys; /* all of one piece */
	uint64_t bytes;
	uint64_t buffer; /* user address */
	char text[STILL_TEXT];
};

/* /dev/ihk */
#define STILL_IOC_ADMIN 'h'
#define STILL_IOC_CPU_RESERVE _IOWR(STILL_IOC_ADMIN, 1, struct still_cpu_list)
#define STILL_IOC_CPU_RELEASE _IOWR(STILL_IOC_ADMIN, 2, struct still_cpu_list)
/* Reserved and not assigned to an instance. */
#define STILL_IOC_CPU_QUERY _IOWR(STILL_IOC_ADMIN, 3, struct still_cpu_list)
#define STILL_IOC_MEM_RESERVE _IOWR(STILL_IOC_ADMIN, 4, struct still_mem_list)
#define STILL_IOC_MEM_RELEASE _IOWR(STILL_IOC_ADMIN, 5, struct still_mem_list)
#define STILL_IOC_MEM_QUERY _IOWR(STILL_IOC_ADMIN, 6, struct still_mem_list)
#define STILL_IOC_OS_CREATE _IO(STILL_IOC_ADMIN, 7) /* returns the index N of /dev/ihkN */
#define STILL_IOC_OS_DESTROY \
	_IOWR(STILL_IOC_ADMIN, 8, struct still_destroy) /* EBUSY unless inactive and unused */
#define STILL_IOC_OS_LIST _IOR(STILL_IOC_ADMIN, 9, struct still_instances)
#define STILL_IOC_ACCOUNTS _IOR(STILL_IOC_ADMIN, 10, struct still_accounts)

/* /dev/ihkN */
#define STILL_IOC_OS 'o'
/* One LWK process: what `top` asks for, again and again. ENOENT: there is none from cursor on;
 * EBADFD: the instance does not run. */
struct still_process_query {
	uint32_t cursor; /* in and out, 0 at first */
	uint32_t pid;    /* as the caller sees it */
	uint32_t uid;
	uint32_t reserved;
	struct still_report_process facts;
};

/* Likewise what memory it has, by Linux's nodes and by the size of pages; what several share counts for each. */
struct still_usage_query {
	uint32_t cursor; /* in and out, 0 at first */
	uint32_t pid;
	uint32_t uid;
	uint32_t count; /* out: nodes where it has some */
	struct still_report_usage nodes[STILL_MAX_NODES];
};

#define STILL_IOC_CPU_ASSIGN _IOWR(STILL_IOC_OS, 1, struct still_cpu_list)
#define STILL_IOC_CPU_UNASSIGN _IOWR(STILL_IOC_OS, 2, struct still_cpu_list) /* back to reserved */
#define STILL_IOC_CPU_ASSIGNED _IOWR(STILL_IOC_OS, 3, struct still_cpu_list)
#define STILL_IOC_MEM_ASSIGN _IOWR(STILL_IOC_OS, 4, struct still_mem_list)
#define STILL_IOC_MEM_UNASSIGN _IOWR(STILL_IOC_OS, 5, struct still_mem_list)
#define STILL_IOC_MEM_ASSIGNED _IOWR(STILL_IOC_OS, 6, struct still_mem_list)
#define STILL_IOC_LOAD _IOWR(STILL_IOC_OS, 7, struct still_load)
#define STILL_IOC_KARGS _IOWR(STILL_IOC_OS, 8, struct still_kargs)
#define STILL_IOC_BOOT _IOWR(STILL_IOC_OS, 9, struct still_boot)
#define STILL_IOC_SHUTDOWN _IOWR(STILL_IOC_OS, 10, struct still_shutdown)
#define STILL_IOC_STATUS _IOWR(STILL_IOC_OS, 11, struct still_status)
#define STILL_IOC_KMSG _IOWR(STILL_IOC_OS, 12, struct still_kmsg)
#define STILL_IOC_CLEAR_KMSG _IO(STILL_IOC_OS, 13)
#define STILL_IOC_INJECT _IOWR(STILL_IOC_OS, 14, struct still_inject_request)
/* Forgets the contents of files that the instance keeps in free memory. */
#define STILL_IOC_DROP_CACHE _IOWR(STILL_IOC_OS, 15, struct still_drop_cache)
#define STILL_IOC_PROCESS _IOWR(STILL_IOC_OS, 24, struct still_process_query)
#define STILL_IOC_USAGE _IOWR(STILL_IOC_OS, 23, struct still_usage_query)
#define STILL_IOC_FREEZE _IOWR(STILL_IOC_OS, 16, struct still_freeze)
#define STILL_IOC_THAW _IOWR(STILL_IOC_OS, 17, struct still_freeze)
/* From boot to shutdown, in any state between: of which memory a core file is made, and its contents. */
#define STILL_IOC_DUMP_INFO _IOWR(STILL_IOC_OS, 18, struct still_dump_info)
#define STILL_IOC_DUMP_READ _IOWR(STILL_IOC_OS, 19, struct still_dump_read)
#define STILL_IOC_CALLS _IOWR(STILL_IOC_OS, 20, struct still_calls)
/* In any state. The map is kept until the CPU leaves the instance; while a server is offline another takes its
 * place. */
#define STILL_IOC_IKC_MAP_SET _IOWR(STILL_IOC_OS, 21, struct still_ikc_map)
#define STILL_IOC_IKC_MAP_GET _IOWR(STILL_IOC_OS, 22, struct still_ikc_map)

#endif
