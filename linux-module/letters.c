// SPDX-License-Identifier: GPL-2.0-only
/* The stock of letters of an instance (ikc.h). Who finds none leaves its message in the ring. */
#include <linux/slab.h>

#include "ikc.h"
#include "os.h"

#define LETTERS_PER_CPU 64

int still_letters_init(struct still_os *os)
{
	unsigned int count = (os->num_cores + 1) * LETTERS_PER_CPU, i;

	os->letters = kvcalloc(count, sizeof(*os->letters), GFP_KERNEL);
	if (!os->letters)
		return -ENOMEM;
	INIT_LIST_HEAD(&os->free_letters);
	os->starved = false;
	for (i = 0; i < count; i++)
		list_add(&os->letters[i].list, &os->free_letters);
	return 0;
}

void still_letters_free(struct still_os *os)
{
	kvfree(os->letters);
	os->letters = NULL;
}

struct still_letter *still_letter_get(struct still_channel *channel)
{
	struct still_os *os = channel->os;
	struct still_letter *letter;
	unsigned long flags;

	spin_lock_irqsave(&os->letter_lock, flags);
	letter = list_first_entry_or_null(&os->free_letters, struct still_letter, list);
	if (letter)
		list_del(&letter->list);
	else
		os->starved = true;
	spin_unlock_irqrestore(&os->letter_lock, flags);
	if (letter)
		letter->channel = channel;
	return letter;
}

void still_letter_put(struct still_letter *letter)
{
	struct still_os *os = letter->channel->os;
	unsigned long flags;
	bool drain;

	spin_lock_irqsave(&os->letter_lock, flags);
	list_add(&letter->list, &os->free_letters);
	drain = os->starved;
	os->starved = false;
	spin_unlock_irqrestore(&os->letter_lock, flags);
	if (drain)
		queue_work(system_highpri_wq, &os->drain_work);
}
