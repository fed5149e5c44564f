/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages between Linux and an LWK: a channel (ring pair) for each LWK CPU. */
#ifndef STILL_IKC_CHANNEL_H
#define STILL_IKC_CHANNEL_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <stillcore/ikc.h>

struct still_os;
struct still_pending;

struct still_channel {
	struct still_os *os;
	u32 cpu; /* the LWK's number */
	u32 apic_id;
	atomic_t calls; /* requests without an answer yet */
	spinlock_t call_lock;
	struct still_pending *pending; /* [STILL_MAX_CALLS], see ikc_call.c */

	spinlock_t tx_lock;
	struct still_ring_end tx;         /* ring is NULL once the instance is down */
	struct list_head backlog;         /* replies that found the ring full */
	bool closed;                      /* the CPU goes, or has gone: it gets no messages */
	struct still_ring_pair *own_pair; /* of a CPU that came after the boot */

	spinlock_t rx_lock;
	struct still_ring_end rx;

	/* hang.c */
	u32 watched_head;
	u64 watched_entries;
	unsigned int same_entries;
	bool pinged; /* and not answered */
	bool asked;  /* by NMI, with that ticket */
	u32 ticket;
	unsigned int suspect; /* for how many seconds */
	u32 condition;        /* enum still_condition */
	u64 rip;
};

/*
 * A received message on its way to a thread that handles it. Taken from a fixed stock before a cell is
 * taken from the ring: when there is none, the message stays in the ring. It also carries the reply, so
 * replying never needs memory.
 */
struct still_letter {
	struct list_head list;
	struct work_struct work;
	struct still_channel *channel;
	struct still_msg msg;
};

#define STILL_TOKEN_PING (~0ull) /* the watch's pings, whose replies nobody waits for */

/* channels.c */
int still_ikc_create(struct still_os *os);
void still_ikc_destroy(struct still_os *os);
int still_ikc_start(struct still_os *os);
void still_ikc_stop(struct still_os *os);
struct still_channel *still_ikc_prepare(struct still_os *os);
void still_ikc_discard(struct still_channel *channel);
void still_ikc_begin(struct still_channel *channel);
void still_ikc_end(struct still_channel *channel);

/* ikc.c */
int still_ikc_send_last(struct still_channel *channel, const struct still_msg *msg);
void still_ikc_reopen(struct still_channel *channel);
int still_ikc_try_send(struct still_channel *channel, const struct still_msg *msg);
int still_ikc_send(struct still_os *os, u32 cpu, const struct still_msg *msg);
int still_ikc_send_on(struct still_channel *channel, const struct still_msg *msg);
void still_ikc_reply(struct still_letter *letter, s64 result, u64 arg1);
void still_ikc_flush_work(struct work_struct *work);
u32 still_ikc_pick_cpu(struct still_os *os);
bool still_cpu_is_in_user_mode(const struct still_os *os, u32 cpu);

/* letters.c */
int still_letters_init(struct still_os *os);
void still_letters_free(struct still_os *os);
struct still_letter *still_letter_get(struct still_channel *channel);
void still_letter_put(struct still_letter *letter);

/* ikc_receive.c */
void still_ikc_drain(struct still_os *os);
void still_ikc_drain_work(struct work_struct *work);

/* ikc_call.c */
int still_ikc_ask(struct still_os *os, u32 cpu, struct still_msg *msg, u64 args[5], bool killable);
int still_ikc_call(struct still_os *os, u32 cpu, struct still_msg *msg, u64 *arg1, bool killable);
int still_ikc_call_last(struct still_channel *channel, struct still_msg *msg);
void still_ikc_answered(struct still_channel *channel, const struct still_msg *reply);
void still_ikc_fail_calls(struct still_os *os);
int still_ikc_make_places(struct still_channel *channel);

#endif
