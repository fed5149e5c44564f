// SPDX-License-Identifier: GPL-2.0-only
/* What an LWK is told at boot: the boot block, and the page tables that it enters with. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/random.h>
#include <linux/topology.h>
#include <asm/apic.h>
#include <asm/tsc.h>

#include "boot.h"
#include "compat.h"
#include "cores.h"
#include "image.h"
#include "os.h"
#include "text.h"

#define MAPPED_END (512ull << 30) /* what boot_cr3 maps */

/* Page tables that map the first 512 GiB one to one. The CPU loads CR3 while it has 32 bits. */
int still_build_boot_tables(struct still_os *os)
{
	u64 lapic_gib, *table, i, lapic;
	struct page *pages = alloc_pages(GFP_KERNEL | GFP_DMA32 | __GFP_ZERO, 1);

	if (!pages)
		return -ENOMEM;
	os->tables_area.va = page_address(pages);
	os->tables_area.size = 2 * PAGE_SIZE;
	split_page(pages, 1); /* as alloc_pages_exact() has it */
	rdmsrq(MSR_IA32_APICBASE, lapic);
	lapic_gib = (lapic & MSR_IA32_APICBASE_BASE) >> 30;
	table = os->tables_area.va;
	table[0] = virt_to_phys(table + 512) | 3;
	for (i = 0; i < 512;
	     i++) /* present, writable, large; uncached where the APIC's registers are */
		table[512 + i] = i << 30 | 0x83 | (i == lapic_gib ? 0x18 : 0);
	return 0;
}

static u64 end_of_ram(void)
{
	u64 end = 0;
	int node;

	for_each_online_node(node)
		end = max_t(u64, end, (u64)node_end_pfn(node) << PAGE_SHIFT);
	return end;
}

/* A home for the image: in one range, on the first CPU's node if that has room. 0: none. */
u64 still_place_image(const struct still_os *os)
{
	const struct still_range_node *range;
	u64 anywhere = 0;

	list_for_each_entry(range, &os->memory.ranges, list) {
		u64 start = (u64)range->pfn << PAGE_SHIFT;

		if (os->image->span > (u64)range->pages << PAGE_SHIFT)
			continue;
		if (range->node == os->cores[0].node)
			return start; /* ranges are aligned to 4 MiB */
		if (!anywhere)
			anywhere = start;
	}
	return anywhere;
}

/* Programs see nodes 0..n-1: Linux's order, those only that give the instance CPUs or memory. */
static void number_nodes(struct still_os *os)
{
	const struct still_range_node *range;
	u64 used = 0;
	u32 i;

	for (i = 0; i < os->num_cores; i++)
		used |= 1ull << os->cores[i].node;
	list_for_each_entry(range, &os->memory.ranges, list)
		used |= 1ull << range->node;
	os->num_nodes = 0;
	for (i = 0; i < STILL_MAX_NODES; i++)
		if (used & 1ull << i)
			os->nodes[os->num_nodes++] = i;
}

static u32 compact_node(const struct still_os *os, u32 linux_node)
{
	u32 node;

	for (node = 0; os->nodes[node] != linux_node; node++)
		;
	return node;
}

static void list_partition(struct still_os *os, struct still_boot_block *block)
{
	const struct still_range_node *range;
	u32 i, a, b;

	number_nodes(os);
	for (i = 0; i < os->num_cores; i++) {
		block->cpus[i].apic_id = os->cores[i].apic_id;
		block->cpus[i].linux_cpu = os->cores[i].cpu;
		block->cpus[i].node = compact_node(os, os->cores[i].node);
	}
	block->num_cpus = os->num_cores;
	i = 0;
	list_for_each_entry(range, &os->memory.ranges, list) {
		block->ranges[i].start = (u64)range->pfn << PAGE_SHIFT;
		block->ranges[i].end = (u64)(range->pfn + range->pages) << PAGE_SHIFT;
		block->ranges[i++].node = compact_node(os, range->node);
	}
	block->num_ranges = i;
	block->num_nodes = os->num_nodes;
	for (a = 0; a < os->num_nodes; a++)
		for (b = 0; b < os->num_nodes; b++)
			block->distance[a][b] =
				node_online(os->nodes[a]) && node_online(os->nodes[b])
					? node_distance(os->nodes[a], os->nodes[b])
				: a == b ? 10
					 : 255;
}

void still_fill_boot_block(struct still_os *os, u64 image_phys)
{
	struct still_boot_block *block = os->block_area.va;
	u64 lapic;

	rdmsrq(MSR_IA32_APICBASE, lapic);
	block->magic = STILL_MAGIC;
	block->revision = STILL_REVISION;
	block->size = sizeof(*block);
	block->flags = STILL_BOOT_BESIDE_LINUX | (x2apic_enabled() ? STILL_BOOT_X2APIC : 0);
	block->image_phys = image_phys;
	block->image_size = os->image->span;
	block->boot_cr3 = virt_to_phys(os->tables_area.va);
	block->max_phys = end_of_ram();
	block->shared_phys = virt_to_phys(os->shared);
	block->log_phys = virt_to_phys(os->log);
	block->log_size = sizeof(*os->log) + os->log->capacity;
	block->rings_phys = virt_to_phys(os->rings_area.va);
	block->report_phys = virt_to_phys(os->report);
	block->lapic_phys = lapic & MSR_IA32_APICBASE_BASE;
	block->tsc_khz = tsc_khz;
	get_random_bytes(block->random_seed, sizeof(block->random_seed));
	block->linux_state = still_linux_cpu_state;
	strscpy(block->cmdline, os->cmdline, sizeof(block->cmdline));
	list_partition(os, block);
}

/* Everything the LWK is told of must lie where it can see it before it has page tables of its own. */
int still_check_boot_reach(struct still_os *os, char *text)
{
	const void *areas[] = { os->block_area.va, os->rings_area.va, os->shared, os->log,
				os->report };
	struct still_range_node *last =
		list_last_entry(&os->memory.ranges, struct still_range_node, list);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(areas); i++)
		if (virt_to_phys((void *)areas[i]) >= MAPPED_END - (16ull << 20))
			return still_fail(text, -ENOMEM, "boot areas lie beyond 512 GiB");
	if ((u64)(last->pfn + last->pages) << PAGE_SHIFT > MAPPED_END)
		return still_fail(text, -EINVAL,
				  "assigned memory beyond 512 GiB can't be used yet");
	return 0;
}
