/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow table's life. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "constants.h"
#include "kernel/slots_internal.h"
#include "rate_bins.h"
#include "rules.h"

#include "flowgauge.skel.h"

static uint32_t pairs_of(uint32_t flows)
{
	return flows / FLOWS_A_PAIR + (flows % FLOWS_A_PAIR != 0);
}

uint64_t slots_bytes(uint32_t flows)
{
	return whole_pages((size_t)flows * sizeof(struct flow_slot)) +
	       whole_pages((size_t)flows * sizeof(struct flow_detail)) +
	       whole_pages((size_t)pairs_of(flows) * 2 * sizeof(struct index_line)) +
	       whole_pages((size_t)words_of(flows) * sizeof(uint64_t));
}

int slots_prepare(struct flowgauge_bpf *skeleton, uint32_t flows)
{
	struct program_constants *constants = &skeleton->rodata->constants;
	int err;

	if (!flows)
		return -EINVAL;
	constants->table_slots = flows;
	constants->index_pairs = pairs_of(flows);
	if (getrandom(constants->secret.addends, sizeof(constants->secret.addends), 0) < 0 ||
	    getrandom(&constants->secret.factor, sizeof(constants->secret.factor), 0) < 0)
		return -errno;
	constants->secret.factor |= 1;
	err = bpf_map__set_max_entries(skeleton->maps.flow_slots, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_details, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_index, 2 * pairs_of(flows));
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_bitmap, words_of(flows));
	return err;
}

int slots_open(struct flowgauge_bpf *skeleton, struct slots **out)
{
	const struct program_constants *constants = &skeleton->rodata->constants;
	struct slots *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->flows = constants->table_slots;
	table->lines = 2 * constants->index_pairs;
	table->secret = constants->secret;
	table->index_fd = bpf_map__fd(skeleton->maps.flow_index);
	err = pages_open(&table->hot, bpf_map__fd(skeleton->maps.flow_slots), sizeof(struct flow_slot), table->flows);
	if (!err)
		err = pages_open(&table->details, bpf_map__fd(skeleton->maps.flow_details), sizeof(struct flow_detail),
				 table->flows);
	table->bitmap = map_whole(bpf_map__fd(skeleton->maps.flow_bitmap), words_of(table->flows) * sizeof(uint64_t));
	if (!err && !table->bitmap)
		err = -errno;
	if (err) {
		slots_close(table);
		return err;
	}
	*out = table;
	return 0;
}

struct slots *slots_close(struct slots *table)
{
	if (!table)
		return NULL;
	slots_free_end(table);
	slots_close_pages(table);
	if (table->bitmap)
		munmap(table->bitmap, whole_pages(words_of(table->flows) * sizeof(uint64_t)));
	free(table);
	return NULL;
}
