/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The LWK's page-table entries as the module reads and marks them (SDM vol. 3, table 4-20 for the
 * hardware bits). Both sides change leaf entries by compare-and-exchange or exchange only.
 *
 * Walking: the module increments still_proc_page.walkers, walks without sleeping, decrements. It
 * checks that every table and frame lies in the instance's memory before it reads or marks; an entry
 * with STILL_PTE_FOREIGN is never inserted into a Linux page table. The LWK reuses a page-table page
 * only after it saw walkers == 0 once the page was unlinked.
 */
#ifndef STILLCORE_PTE_H
#define STILLCORE_PTE_H

#include "types.h"

#define STILL_PTE_PRESENT 0x001ull
#define STILL_PTE_WRITE 0x002ull
#define STILL_PTE_USER 0x004ull
#define STILL_PTE_WRITE_THROUGH 0x008ull
#define STILL_PTE_NO_CACHE 0x010ull
#define STILL_PTE_ACCESSED 0x020ull
#define STILL_PTE_DIRTY 0x040ull
#define STILL_PTE_LARGE 0x080ull /* leaf at 2 MiB or 1 GiB level */
#define STILL_PTE_GLOBAL 0x100ull
#define STILL_PTE_NO_EXECUTE 0x8000000000000000ull
#define STILL_PTE_ADDRESS 0x000ffffffffff000ull

/* Software bits. */
/* Linux may have (part of) this leaf mapped. Set by the module under the lock of the page that it is
 * about to insert; cleared by the LWK only with the entry as a whole. Sticky across a downgrade. */
#define STILL_PTE_SEEN 0x200ull
/* PRESENT is clear, the address is kept: the page is leaving, a zap is under way. The level's LARGE
 * bit is kept too. Linux must not insert it. */
#define STILL_PTE_DEPARTING 0x400ull
/* Set by the module in a departing 4 KiB entry: it keeps the page (see STILL_MSG_ZAP). */
#define STILL_PTE_QUARANTINED 0x800ull
/* The page, or part of it, may be another process's too (after a fork): not writable as it is, and given up
 * only as one owner of several. The module leaves this bit alone. */
#define STILL_PTE_SHARED 0x0020000000000000ull
/* Set by the module when a ZAP asks for it: Linux holds references to the page beyond its mappings. */
#define STILL_PTE_PINNED 0x0040000000000000ull
/* Not the instance's memory (Linux's vDSO and time pages, and mirrored pages). */
#define STILL_PTE_FOREIGN 0x0010000000000000ull
/* A 4 KiB entry, always FOREIGN too, of memory whose home is Linux. Without PRESENT: awaited, nothing else is set;
 * the module may fill it in with what the proxy maps there. Present ones the module makes writable or awaited
 * again; the LWK clears them only once the proxy has no mapping of its own there any more. */
#define STILL_PTE_MIRRORED 0x0080000000000000ull

#endif
