/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The IKC ring: single producer, single consumer, 64-byte cells; one implementation for both ends.
 *
 * Each end keeps its own index privately (struct still_ring_end) and only publishes it in the shared
 * header, so a peer that scribbles over the header cannot make this end read or write out of bounds.
 * Indices run freely and are taken modulo the number of cells.
 *
 * Who calls: exactly one producer and one consumer at a time; callers serialise themselves. Nothing
 * here sleeps, allocates or waits: a full ring is the caller's business (back-pressure).
 */
#ifndef STILLCORE_RING_H
#define STILLCORE_RING_H

#include "types.h"

#define STILL_RING_CELLS 128u /* a power of two */
#define STILL_CELL_BYTES 64u

struct STILL_ALIGNAS(64) still_cell {
	uint64_t word[8];
};
STILL_ASSERT_SIZE(struct still_cell, STILL_CELL_BYTES);

struct STILL_ALIGNAS(64) still_ring {
	/* consumer's line */
	uint32_t head;   /* cells consumed so far */
	uint32_t asleep; /* the consumer does not poll: ring the doorbell after a push */
	uint32_t reserved0[14];
	/* producer's line */
	uint32_t tail; /* cells produced so far */
	uint32_t reserved1[15];
	struct still_cell cells[STILL_RING_CELLS];
};
STILL_ASSERT_OFFSET(struct still_ring, tail, 64);
STILL_ASSERT_OFFSET(struct still_ring, cells, 128);
STILL_ASSERT_SIZE(struct still_ring, 128 + STILL_RING_CELLS * STILL_CELL_BYTES);

struct still_ring_pair {
	struct still_ring to_lwk;
	struct still_ring to_linux;
};

/* One end of a ring: private to the side that holds it. Zero index on a fresh ring. */
struct still_ring_end {
	struct still_ring *ring;
	uint32_t index;
};

enum still_ring_result {
	STILL_RING_OK = 0,
	STILL_RING_EMPTY = 1,
	STILL_RING_FULL = 2,
	STILL_RING_CORRUPT = 3, /* the peer's index is impossible: stop using the ring */
};

/* Empties the ring; both ends start at 0. The consumer counts as asleep until it first polls. */
static inline void still_ring_init(struct still_ring *ring)
{
	__atomic_store_n(&ring->head, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->tail, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->asleep, 1, __ATOMIC_SEQ_CST);
}

/* Producer: copies *cell into the ring. OK, FULL, or CORRUPT. */
static inline enum still_ring_result still_ring_push(struct still_ring_end *end,
						     const struct still_cell *cell)
{
	struct still_ring *ring = end->ring;
	uint32_t used = end->index - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

	if (used > STILL_RING_CELLS)
		return STILL_RING_CORRUPT;
	if (used == STILL_RING_CELLS)
		return STILL_RING_FULL;
	ring->cells[end->index % STILL_RING_CELLS] = *cell;
	end->index++;
	__atomic_store_n(&ring->tail, end->index, __ATOMIC_RELEASE);
	return STILL_RING_OK;
}

/*
 * Producer, after one or more pushes: must the doorbell be rung? The fence pairs with the one in
 * still_ring_sleep(): either the consumer sees the new tail, or the producer sees the flag
 * (store buffering is real on x86, SDM vol. 3, 9.2.3.4).
 */
static inline int still_ring_must_notify(struct still_ring_end *end)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&end->ring->asleep, __ATOMIC_RELAXED) != 0;
}

/* Consumer: copies the next cell out. OK, EMPTY, or CORRUPT. Validate *cell, never the ring's copy. */
static inline enum still_ring_result still_ring_pop(struct still_ring_end *end, struct still_cell *cell)
{
	struct still_ring *ring = end->ring;
	uint32_t ready = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - end->index;

	if (ready == 0)
		return STILL_RING_EMPTY;
	if (ready > STILL_RING_CELLS)
		return STILL_RING_CORRUPT;
	*cell = ring->cells[end->index % STILL_RING_CELLS];
	end->index++;
	__atomic_store_n(&ring->head, end->index, __ATOMIC_RELEASE);
	return STILL_RING_OK;
}

/* Consumer: starts polling; pushes need no doorbell until still_ring_sleep(). */
static inline void still_ring_awake(struct still_ring_end *end)
{
	__atomic_store_n(&end->ring->asleep, 0, __ATOMIC_SEQ_CST);
}

/* Consumer: stops polling. Returns 1 if the ring is empty; on 0 drain it and call again. */
static inline int still_ring_sleep(struct still_ring_end *end)
{
	__atomic_store_n(&end->ring->asleep, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&end->ring->tail, __ATOMIC_ACQUIRE) == end->index;
}

#endif
