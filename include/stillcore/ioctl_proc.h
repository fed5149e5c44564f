/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What mcexec asks of /dev/ihkN. One open file is one process (made by PROC_CREATE, once); it ends
 * when the last descriptor is closed (the LWK's threads stop at once) and is freed when the last
 * mapping of its pseudo file is gone as well. Only the process that created it may use it.
 *
 * A process that shares its memory (a vfork child) counts as the same.
 *
 * mmap of the descriptor at offset 0: the slots (STILL_MAX_SLOTS * sizeof(struct still_slot)), shared, read and
 * write, never inherited. Chunks that do not exist yet give SIGBUS.
 *
 * Common errors: EINVAL an argument is out of range, EBADFD wrong order of calls, EIO the LWK died
 * (panic, hang, shutdown) - all waits end with it, ENOMEM.
 */
#ifndef STILLCORE_IOCTL_PROC_H
#define STILLCORE_IOCTL_PROC_H

#include "peers.h"
#include "process.h"
#include "report.h"
#include "types.h"

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

struct still_proc_create {
	uint32_t revision;       /* in: STILL_REVISION; ENOEXEC if the module was built with another */
	uint32_t num_app_ranges; /* in */
	struct still_range app[STILL_MAX_APP_RANGES]; /* in: ascending, disjoint, page aligned */
	uint64_t cpu_mask[STILL_MAX_CPUS / 64];       /* in: LWK CPUs; all zero: all */
	struct still_limit limit_as;      /* in: RLIMIT_AS and so on, as the program shall see them */
	struct still_limit limit_data;    /* in */
	struct still_limit limit_stack;   /* in */
	struct still_limit limit_memlock; /* in */
	uint64_t poll_ticks;              /* in: TSC ticks, 0: default */
	uint64_t
		ignored_signals; /* in: bit n-1: signal n was ignored when mcexec started, so it is in the program */
	uint64_t blocked_signals; /* in: likewise: the signal mask of the first thread */
	/* out: a descriptor of the pseudo file (close-on-exec). mcexec maps it MAP_SHARED | MAP_FIXED, PROT_READ |
	 * WRITE, over every application range, file offset = address; then closes it. */
	int32_t mm_fd;
	uint32_t num_slots;   /* out */
	uint32_t num_cpus;    /* out: LWK CPUs of the instance */
	uint32_t vdso_offset; /* out: bytes from the VDSO segment's start to the vDSO's ELF header */
	uint32_t vdso_size;   /* out: bytes of the whole segment, 0: none */
	uint32_t reserved;
	uint64_t tsc_khz;                    /* out */
	struct still_limit limit_sigpending; /* in: like limit_as */
	uint64_t cpu_base_ns;                /* in: what the process had used before its execve */
	struct still_limit limit_cpu;        /* in: like limit_as */
	/* in: the group of the same user's processes that it is to be a member of, "": none. Then its addresses end at
	 * STILL_PEERS_END, unless still_status.peers_shift is STILL_PEERS_SHIFT_5. EBUSY: there is one of that rank;
	 * ENOSPC: the group is full. */
	char peers_name[STILL_PEERS_NAME];
	uint32_t peers_rank; /* in: or STILL_PEERS_ANY_RANK; out */
	uint32_t peers_size; /* in: how many there will be; 0: as many as come; out */
	/* in: bytes of memory that it may have, and each that it forks; 0: as the instance says */
	uint64_t limit_resident;
};

struct still_map_file {
	int32_t fd;     /* in */
	uint32_t prot;  /* in: PROT_* */
	uint32_t flags; /* in: MAP_*; only MAP_PRIVATE can be served: else ENODEV */
	uint32_t reserved;
	uint64_t len;    /* in: bytes, not 0 */
	uint64_t offset; /* in: page aligned */
	int32_t handle;  /* out: 0 or more */
	uint32_t reserved1;
};

struct still_slot_wait {
	uint32_t slot;
	uint32_t seen; /* the seq that was answered last: return as soon as the slot's differs */
};

struct still_proc_start {
	uint64_t entry; /* instruction pointer */
	uint64_t stack; /* stack pointer, 16-byte aligned */
};

struct still_signal {
	uint32_t signo;     /* 1..64 */
	int32_t error;      /* si_errno */
	int32_t code;       /* si_code */
	uint32_t tid;       /* 0: the process */
	uint64_t fields[4]; /* siginfo_t from offset 16 on: all that Linux keeps of it */
	/* That the calling thread serves: says which process is meant, beside a vfork child; ~0: none. */
	uint32_t slot;
	uint32_t reserved;
};

struct still_signalfd {
	int32_t fd;     /* -1: a new one */
	uint32_t flags; /* SFD_CLOEXEC | SFD_NONBLOCK, of a new one */
	uint64_t set;   /* bit n-1: signal n */
};

struct still_proc_fork {
	int32_t device_fd; /* out: as /dev/ihkN: the child's, close-on-exec */
	int32_t mm_fd;     /* out: as still_proc_create.mm_fd */
};

/* Facts of a process of the instance. ESRCH: pid is none of its processes; EPERM: the areas of another user's. */
struct still_report {
	uint32_t kind;   /* in: enum still_report_kind */
	uint32_t pid;    /* in: as the caller sees it; 0: its own */
	uint64_t cursor; /* in and out, 0 at first and after the last */
	uint64_t buffer; /* in: user address of the records */
	uint64_t bytes;  /* in: room, at most STILL_REPORT_BYTES; out: filled */
};

/* For a core file: the calling thread shows these registers in place of its own until it is killed. */
struct still_pose {
	struct still_registers regs; /* fs_base and gs_base are not looked at: the caller sets its own */
	uint64_t told;               /* address of a byte that becomes 1 when that is so */
};

/* The name of a file that a process has mapped, as /proc/PID/maps shows it. */
struct still_file_name {
	uint32_t pid;    /* in: as for still_report */
	int32_t handle;  /* in */
	uint64_t buffer; /* in: user address, for a NUL terminated path */
	uint32_t bytes;  /* in: room */
	uint32_t major;  /* out: device */
	uint32_t minor;  /* out */
	uint32_t reserved;
	uint64_t inode; /* out */
};

#define STILL_IOC_PROC 'p'
#define STILL_IOC_PROC_CREATE _IOWR(STILL_IOC_PROC, 1, struct still_proc_create)
/* Errors as Linux's mmap: EBADF, EACCES, EPERM, ENODEV, EOVERFLOW. Keeps the file open in the module. */
#define STILL_IOC_MAP_FILE _IOWR(STILL_IOC_PROC, 2, struct still_map_file)
/* Builds the program's memory; afterwards mcexec writes the initial stack through its mapping. */
#define STILL_IOC_PROC_EXEC _IOW(STILL_IOC_PROC, 3, struct still_exec)
/* Starts the first thread on slot 0. The calling thread has attached to slot 0. */
#define STILL_IOC_PROC_START _IOW(STILL_IOC_PROC, 4, struct still_proc_start)
/* The calling thread serves this slot from now on; interrupts go to it. Once per thread. */
#define STILL_IOC_SLOT_ATTACH _IOW(STILL_IOC_PROC, 5, uint32_t)
/* Sleeps until there is a request. 0; EINTR a signal; EIO the LWK is gone. */
#define STILL_IOC_SLOT_WAIT _IOW(STILL_IOC_PROC, 6, struct still_slot_wait)
/* Tells the LWK that slot arg has been answered. */
#define STILL_IOC_SLOT_WAKE _IOW(STILL_IOC_PROC, 7, uint32_t)
/* Relays a signal to the LWK process. When it returns the signal is pending there. ESRCH: no such thread. */
#define STILL_IOC_SIGNAL _IOW(STILL_IOC_PROC, 8, struct still_signal)
/* signalfd4(2): a descriptor whose signals are those of the LWK process that reads it. Errors as there. */
#define STILL_IOC_SIGNALFD _IOW(STILL_IOC_PROC, 11, struct still_signalfd)
/* Does not return but with an error: EFAULT, EINVAL. */
#define STILL_IOC_POSE _IOW(STILL_IOC_PROC, 12, struct still_pose)
#define STILL_IOC_REPORT _IOWR(STILL_IOC_PROC, 32, struct still_report)
#define STILL_IOC_FILE_NAME _IOWR(STILL_IOC_PROC, 33, struct still_file_name)
/* From now on /proc/PID/exe is this executable file, given by its descriptor. */
#define STILL_IOC_SET_EXE _IOW(STILL_IOC_PROC, 34, int32_t)
/* A new descriptor (close-on-exec) of the executable that SET_EXE replaced. ENOENT: none was. */
#define STILL_IOC_OWN_EXE _IO(STILL_IOC_PROC, 35)
/* The pseudo file is mapped again over a range of the program's that Linux had a mapping of its own in. */
#define STILL_IOC_MAP_BACK _IOW(STILL_IOC_PROC, 20, struct still_range)
/* The range, which the pseudo file covers, may be pinned for long (io_uring's buffers, RDMA). All access to it may
 * count as a store, so what the program may only read can't be read there. EBUSY: something else lies in it. */
#define STILL_IOC_MAP_PINNABLE _IOW(STILL_IOC_PROC, 21, struct still_range)
/* Undoes that for all such ranges. */
#define STILL_IOC_MAP_ORDINARY _IO(STILL_IOC_PROC, 22)

/* The calling thread's LWK thread forks: makes the child in the LWK. Both descriptors are inherited by the process
 * that the caller forks then; that one adopts device_fd, the caller closes both. EAGAIN, ENOMEM, ENFILE, EMFILE. */
#define STILL_IOC_PROC_FORK _IOR(STILL_IOC_PROC, 9, struct still_proc_fork)
/* On such a device_fd: the caller is the child, and all other calls are its own from now on. Once; else EBADFD. */
#define STILL_IOC_PROC_ADOPT _IO(STILL_IOC_PROC, 10)

/* The signal by which the module interrupts a proxy's blocked call: glibc's SIGCANCEL, which no program can use;
 * with si_code SI_KERNEL. Not SIGSETXID (33): for that glibc installs a handler of its own, with SA_RESTART, at its
 * first pthread_create(). */
#define STILL_INTERRUPT_SIGNAL 32

#endif
