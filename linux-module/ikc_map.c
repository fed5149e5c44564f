// SPDX-License-Identifier: GPL-2.0-only
/* The IKC map: which CPU of Linux serves which of an instance's. os->lock is held. */
#include <linux/cpumask.h>

#include "doorbell.h"
#include "os.h"
#include "text.h"

static struct still_core *find_core(struct still_os *os, u32 cpu)
{
	unsigned int i;

	for (i = 0; i < os->num_cores; i++)
		if (os->cores[i].cpu == cpu)
			return &os->cores[i];
	return NULL;
}

static int check(struct still_os *os, struct still_ikc_map *map)
{
	u32 i;

	if (map->count > STILL_MAX_CPUS)
		return still_fail(map->text, -EINVAL, "a list of %u CPUs: 1 to %u are possible",
				  map->count, STILL_MAX_CPUS);
	for (i = 0; i < map->count; i++) {
		u32 server = map->server[i];

		if (!find_core(os, map->cpu[i]))
			return still_fail(map->text, -ENOENT,
					  "CPU %u does not belong to this instance", map->cpu[i]);
		if (server == STILL_NO_CPU)
			continue;
		if (server >= nr_cpu_ids || !cpu_present(server))
			return still_fail(map->text, -EINVAL,
					  "CPU %u: this machine has no such CPU", server);
		if (!cpu_online(server))
			return still_fail(map->text, -ENODEV, "CPU %u is not Linux's, or offline",
					  server);
	}
	return 0;
}

int still_ikc_map_set(struct still_os *os, struct still_ikc_map *map)
{
	u32 before[STILL_MAX_CPUS], i;
	int ret = check(os, map);

	if (ret)
		return ret;
	for (i = 0; i < os->num_cores; i++)
		before[i] = os->cores[i].server;
	for (i = 0; i < map->count; i++)
		WRITE_ONCE(find_core(os, map->cpu[i])->server, map->server[i]);
	if (os->state == STILL_OS_INACTIVE)
		return 0;
	ret = still_doorbell_place(os);
	if (!ret)
		return 0;
	for (i = 0; i < os->num_cores; i++)
		WRITE_ONCE(os->cores[i].server, before[i]);
	still_doorbell_place(os);
	return still_fail(map->text, ret, "Linux has no interrupt for the doorbell (error %d)",
			  -ret);
}

int still_ikc_map_get(struct still_os *os, struct still_ikc_map *map)
{
	u32 i;

	map->count = os->num_cores;
	for (i = 0; i < os->num_cores; i++) {
		map->cpu[i] = os->cores[i].cpu;
		map->server[i] = os->cores[i].server;
		map->now[i] = still_doorbell_target(os, i);
	}
	return 0;
}
