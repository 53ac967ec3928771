/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings come and go with the interfaces, and are mapped, so that reading is loads and nothing else.
 *
 * Nobody waits for anybody. A bin may be overwritten while it is read, or before: each CPU's word says so by a later lap, and
 * then what the other CPUs have is not used either, nor anything before it. A CPU that had no frame in that time has an earlier
 * lap, or 0, in its word: that is an empty bin, and known to be.
 */
#include "kernel/bins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/slots_internal.h"
#include "rate_bins.h"
#include "records.h"
#include "rules.h"

#include "flowgauge.skel.h"

#define RINGS (DIRECTIONS * INTERFACES_MAX)
#define BINS_AT_ONCE 1024

/* The rings of all CPUs for one direction of one interface. */
struct ring {
	bool wanted;
	unsigned int ifindex;
	const uint64_t *words; /* mapped; NULL: there is none */
	uint64_t next_epoch;   /* to be read; 0: not begun */
};

struct bins {
	struct rate_shape *shape; /* the programs' */
	int rings_fd;
	unsigned int cpus;
	struct ring rings[RINGS];
	uint64_t sums[BINS_AT_ONCE];
};

int bins_open(const struct flowgauge_bpf *skeleton, unsigned int cpus, struct bins **out)
{
	struct bins *bins = calloc(1, sizeof(*bins));

	if (!bins)
		return -ENOMEM;
	bins->shape = &skeleton->bss->rate_shape;
	bins->rings_fd = bpf_map__fd(skeleton->maps.rate_rings);
	bins->cpus = cpus;
	*out = bins;
	return 0;
}

unsigned int bins_shift(uint64_t bin_ns)
{
	unsigned int shift = 0;

	while (bin_ns << shift < BINS_RING_NS)
		shift++;
	return shift;
}

static uint32_t ring_entries(const struct bins *bins)
{
	return bins->cpus << bins->shape->shift;
}

/* --- rings --- */

static int ring_map(struct ring *ring, int fd, uint32_t entries)
{
	void *start = mmap(NULL, whole_pages(entries * sizeof(uint64_t)), PROT_READ, MAP_SHARED, fd, 0);

	if (start == MAP_FAILED)
		return -errno;
	ring->words = start;
	ring->next_epoch = 0;
	return 0;
}

static void ring_unmap(const struct bins *bins, struct ring *ring)
{
	if (ring->words)
		munmap((void *)ring->words, whole_pages(ring_entries(bins) * sizeof(uint64_t)));
	ring->words = NULL;
}

/* The kernel returns from putting a map there when no packet runs that came before. */
static int ring_make(struct bins *bins, struct ring *ring)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	uint32_t index = (uint32_t)(ring - bins->rings), entries = ring_entries(bins);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rate_ring", sizeof(uint32_t), sizeof(uint64_t), entries, &options);
	int err;

	if (fd < 0)
		return fd;
	err = ring_map(ring, fd, entries);
	if (!err) {
		err = bpf_map_update_elem(bins->rings_fd, &index, &fd, BPF_ANY);
		if (err)
			ring_unmap(bins, ring);
	}
	close(fd);
	return err;
}

/* Nor does a packet run any more that has found the map, when it is taken out. */
static void ring_drop(struct bins *bins, struct ring *ring)
{
	uint32_t index = (uint32_t)(ring - bins->rings);

	if (!ring->words)
		return;
	bpf_map_delete_elem(bins->rings_fd, &index);
	ring_unmap(bins, ring);
}

static void drop_all(struct bins *bins)
{
	__atomic_store_n(&bins->shape->bin_ns, 0, __ATOMIC_RELEASE);
	for (size_t i = 0; i < RINGS; i++)
		ring_drop(bins, &bins->rings[i]);
}

struct bins *bins_close(struct bins *bins)
{
	if (bins)
		drop_all(bins);
	free(bins);
	return NULL;
}

int bins_set_length(struct bins *bins, uint64_t bin_ns)
{
	int err = 0;

	if (bin_ns && (bin_ns < BIN_NS_LEAST || bin_ns > BIN_NS_MOST))
		return -EINVAL;
	drop_all(bins);
	if (!bin_ns)
		return 0;
	bins->shape->shift = bins_shift(bin_ns);
	for (size_t i = 0; i < RINGS && !err; i++)
		if (bins->rings[i].wanted)
			err = ring_make(bins, &bins->rings[i]);
	if (err)
		drop_all(bins);
	else
		__atomic_store_n(&bins->shape->bin_ns, bin_ns, __ATOMIC_RELEASE);
	return err;
}

int bins_add(struct bins *bins, unsigned int place, enum direction direction, unsigned int ifindex)
{
	struct ring *ring = &bins->rings[DIRECTIONS * place + direction];

	ring->wanted = true;
	ring->ifindex = ifindex;
	return bins->shape->bin_ns ? ring_make(bins, ring) : 0;
}

void bins_remove(struct bins *bins, unsigned int place, enum direction direction)
{
	struct ring *ring = &bins->rings[DIRECTIONS * place + direction];

	ring->wanted = false;
	ring_drop(bins, ring);
}

/* --- reading --- */

/* Adds one CPU's part of `count` bins to the sums. Returns how many of them, from the first one, are of no use. */
static size_t add_part(struct bins *bins, const uint64_t *words, uint64_t first_epoch, size_t count)
{
	unsigned int shift = bins->shape->shift;
	size_t useless = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t epoch = first_epoch + i;
		uint64_t word = __atomic_load_n(&words[epoch & ((1ULL << shift) - 1)], __ATOMIC_RELAXED);
		uint64_t ahead = ((word >> BIN_BYTES_BITS) - (epoch >> shift)) % BIN_LAPS;

		if (!ahead)
			bins->sums[i] += word & BIN_BYTES_MAX;
		else if (word && ahead < BIN_LAPS / 2)
			useless = i + 1;
	}
	return useless;
}

static size_t sum_up(struct bins *bins, const struct ring *ring, size_t count)
{
	size_t useless = 0;

	for (size_t i = 0; i < count; i++)
		bins->sums[i] = 0;
	for (unsigned int cpu = 0; cpu < bins->cpus; cpu++) {
		const uint64_t *words = ring->words + ((size_t)cpu << bins->shape->shift);
		size_t part = add_part(bins, words, ring->next_epoch, count);

		if (part > useless)
			useless = part;
	}
	return useless;
}

static void skip_to(struct ring *ring, enum direction direction, uint64_t epoch, const struct bin_visitor *visitor)
{
	ring->next_epoch = epoch;
	visitor->lost(visitor->context, ring->ifindex, direction, epoch);
}

static void read_some(struct bins *bins, struct ring *ring, enum direction direction, size_t count,
		      const struct bin_visitor *visitor)
{
	size_t useless = sum_up(bins, ring, count);

	if (useless)
		skip_to(ring, direction, ring->next_epoch + useless, visitor);
	if (useless < count)
		visitor->bins(visitor->context, ring->ifindex, direction, ring->next_epoch, bins->sums + useless,
			      count - useless);
	ring->next_epoch += count - useless;
}

static void read_ring(struct bins *bins, struct ring *ring, enum direction direction, uint64_t now_ns,
		      const struct bin_visitor *visitor)
{
	uint64_t bin_ns = bins->shape->bin_ns, length = 1ULL << bins->shape->shift, now = now_ns / bin_ns;
	uint64_t end = now_ns > BINS_MARGIN_NS ? (now_ns - BINS_MARGIN_NS) / bin_ns : 0;

	if (now >= length && ring->next_epoch < now - length + 1)
		skip_to(ring, direction, now - length + 1, visitor);
	while (ring->next_epoch < end) {
		uint64_t left = end - ring->next_epoch;

		read_some(bins, ring, direction, left < BINS_AT_ONCE ? left : BINS_AT_ONCE, visitor);
	}
}

void bins_begin(struct bins *bins, uint64_t now_ns)
{
	for (size_t i = 0; i < RINGS; i++)
		if (bins->rings[i].words && !bins->rings[i].next_epoch)
			bins->rings[i].next_epoch = now_ns / bins->shape->bin_ns + 1;
}

void bins_read(struct bins *bins, uint64_t now_ns, const struct bin_visitor *visitor)
{
	bins_begin(bins, now_ns);
	for (size_t i = 0; i < RINGS; i++)
		if (bins->rings[i].words)
			read_ring(bins, &bins->rings[i], (enum direction)(i % DIRECTIONS), now_ns, visitor);
}
