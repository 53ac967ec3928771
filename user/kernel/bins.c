/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings come and go with the interfaces, and are mapped, so that reading is loads and nothing else.
 *
 * Whenever a map is put into one of maps, or taken out, the kernel returns only when no packet is on its way that came
 * before. That is how a length is changed: nothing is put into bins until those packets are through, and what is then
 * changed is seen whole by those that come later.
 */
#include "kernel/bins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/bins_internal.h"
#include "kernel/slots_internal.h"
#include "records.h"
#include "rules.h"

#include "flowgauge.skel.h"

static uint32_t entries_of(const struct bins *bins, unsigned int shift)
{
	return DIRECTIONS * bins->cpus << shift;
}

static size_t bytes_of(const struct bins *bins, unsigned int shift)
{
	return whole_pages(entries_of(bins, shift) * sizeof(uint64_t));
}

static int map_create(const struct bins *bins, unsigned int shift)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "rate_ring", sizeof(uint32_t), sizeof(uint64_t),
			      entries_of(bins, shift), &options);
}

/* --- life --- */

static void patterns_close(struct bins *bins)
{
	for (int i = 0; i < RING_LENGTHS; i++) {
		if (bins->pattern_fd[i] >= 0)
			close(bins->pattern_fd[i]);
		bins->pattern_fd[i] = -1;
	}
}

int bins_new(unsigned int cpus, struct bins **out)
{
	struct bins *bins = calloc(1, sizeof(*bins));
	int err = 0;

	if (!bins)
		return -ENOMEM;
	bins->cpus = cpus;
	for (int i = 0; i < RING_LENGTHS; i++)
		bins->pattern_fd[i] = -1;
	for (int i = 0; i < RING_LENGTHS && !err; i++) {
		bins->pattern_fd[i] = map_create(bins, ring_shifts[i]);
		if (bins->pattern_fd[i] < 0)
			err = bins->pattern_fd[i];
	}
	if (err) {
		bins_close(bins);
		return err;
	}
	*out = bins;
	return 0;
}

int bins_prepare(const struct bins *bins, struct flowgauge_bpf *skeleton)
{
	int err = bpf_map__set_inner_map_fd(skeleton->maps.rate_short, bins->pattern_fd[0]);

	return err ? err : bpf_map__set_inner_map_fd(skeleton->maps.rate_long, bins->pattern_fd[1]);
}

void bins_open(struct bins *bins, struct flowgauge_bpf *skeleton)
{
	patterns_close(bins);
	bins->shape = &skeleton->bss->rate_shape;
	bins->rings_fd[0] = bpf_map__fd(skeleton->maps.rate_short);
	bins->rings_fd[1] = bpf_map__fd(skeleton->maps.rate_long);
}

/* --- rings --- */

static int rings_fd(const struct bins *bins)
{
	return bins->rings_fd[bins->shape->shift == RING_SHIFT_LONG];
}

static int place_put(const struct bins *bins, const struct binned_place *place)
{
	uint32_t index = (uint32_t)(place - bins->places);

	return bpf_map_update_elem(rings_fd(bins), &index, &place->fd, BPF_ANY);
}

static void place_unmap(const struct bins *bins, struct binned_place *place)
{
	if (!place->words)
		return;
	munmap(place->words, bytes_of(bins, bins->shape->shift));
	close(place->fd);
	place->words = NULL;
}

static int place_make(const struct bins *bins, struct binned_place *place)
{
	int fd = map_create(bins, bins->shape->shift), err;
	void *start;

	if (fd < 0)
		return fd;
	start = mmap(NULL, bytes_of(bins, bins->shape->shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	place->fd = fd;
	place->words = start;
	memset(place->next_epoch, 0, sizeof(place->next_epoch));
	err = place_put(bins, place);
	if (err)
		place_unmap(bins, place);
	return err;
}

static void place_drop(const struct bins *bins, struct binned_place *place)
{
	uint32_t index = (uint32_t)(place - bins->places);

	if (!place->words)
		return;
	bpf_map_delete_elem(rings_fd(bins), &index);
	place_unmap(bins, place);
}

static void stop(struct bins *bins)
{
	__atomic_store_n(&bins->shape->bin_ns, 0, __ATOMIC_RELEASE);
}

static void drop_all(struct bins *bins)
{
	stop(bins);
	for (size_t i = 0; i < INTERFACES_MAX; i++)
		place_drop(bins, &bins->places[i]);
}

/* Empties the rings that there are: cheaper than new ones, for each of which the kernel would wait. */
static int clear_all(struct bins *bins)
{
	bool waited = false;
	int err = 0;

	stop(bins);
	for (size_t i = 0; i < INTERFACES_MAX && !err; i++) {
		struct binned_place *place = &bins->places[i];

		if (!place->words)
			continue;
		if (!waited)
			err = place_put(bins, place); /* it is there already: this is to wait */
		waited = true;
		memset(place->words, 0, bytes_of(bins, bins->shape->shift));
		memset(place->next_epoch, 0, sizeof(place->next_epoch));
	}
	return err;
}

static int make_missing(struct bins *bins)
{
	int err = 0;

	for (size_t i = 0; i < INTERFACES_MAX && !err; i++)
		if (bins->places[i].wanted && !bins->places[i].words)
			err = place_make(bins, &bins->places[i]);
	return err;
}

struct bins *bins_close(struct bins *bins)
{
	if (!bins)
		return NULL;
	patterns_close(bins);
	if (bins->shape)
		drop_all(bins);
	free(bins);
	return NULL;
}

static unsigned int shift_of(uint64_t bin_ns)
{
	return bin_ns << RING_SHIFT_SHORT >= RING_NS ? RING_SHIFT_SHORT : RING_SHIFT_LONG;
}

int bins_set_length(struct bins *bins, uint64_t bin_ns)
{
	int err = 0;

	if (bin_ns && (bin_ns < BIN_NS_LEAST || bin_ns > BIN_NS_MOST))
		return -EINVAL;
	if (bin_ns && shift_of(bin_ns) == bins->shape->shift)
		err = clear_all(bins);
	else
		drop_all(bins);
	if (!bin_ns)
		return 0;
	bins->shape->shift = shift_of(bin_ns);
	if (!err)
		err = make_missing(bins);
	if (err)
		drop_all(bins);
	else
		__atomic_store_n(&bins->shape->bin_ns, bin_ns, __ATOMIC_RELEASE);
	return err;
}

int bins_add(struct bins *bins, unsigned int number, unsigned int ifindex)
{
	struct binned_place *place = &bins->places[number];

	place->wanted = true;
	place->ifindex = ifindex;
	return bins->shape->bin_ns ? place_make(bins, place) : 0;
}

void bins_remove(struct bins *bins, unsigned int number)
{
	bins->places[number].wanted = false;
	place_drop(bins, &bins->places[number]);
}
