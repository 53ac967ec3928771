/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nobody waits for anybody. A bin may be overwritten while it is read, or before: each CPU's word says so by a later lap, and
 * then what the other CPUs have is not used either, nor anything before it. A CPU that had no frame in that time has an earlier
 * lap, or 0, in its word: that is an empty bin, and known to be.
 */
#include "kernel/bins.h"
#include "kernel/bins_internal.h"

/* One direction of one place. */
struct ring {
	struct bins *bins;
	struct binned_place *place;
	enum direction direction;
};

static uint64_t *next_of(const struct ring *ring)
{
	return &ring->place->next_epoch[ring->direction];
}

/* Adds one CPU's part of `count` bins to the sums. Returns how many of them, from the first one, are of no use. */
static size_t add_part(const struct ring *ring, unsigned int cpu, size_t count)
{
	unsigned int shift = ring->bins->shape->shift;
	const uint64_t *words = ring->place->words + ((size_t)cpu << shift) * DIRECTIONS + ring->direction;
	size_t useless = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t epoch = *next_of(ring) + i;
		uint64_t word = __atomic_load_n(&words[(epoch & ((1ULL << shift) - 1)) * DIRECTIONS], __ATOMIC_RELAXED);
		uint64_t ahead = ((word >> BIN_BYTES_BITS) - (epoch >> shift)) % BIN_LAPS;

		if (!ahead)
			ring->bins->sums[i] += word & BIN_BYTES_MAX;
		else if (word && ahead < BIN_LAPS / 2)
			useless = i + 1;
	}
	return useless;
}

static size_t sum_up(const struct ring *ring, size_t count)
{
	size_t useless = 0;

	for (size_t i = 0; i < count; i++)
		ring->bins->sums[i] = 0;
	for (unsigned int cpu = 0; cpu < ring->bins->cpus; cpu++) {
		size_t part = add_part(ring, cpu, count);

		if (part > useless)
			useless = part;
	}
	return useless;
}

static void skip_to(const struct ring *ring, uint64_t epoch, const struct bin_visitor *visitor)
{
	*next_of(ring) = epoch;
	visitor->lost(visitor->context, ring->place->ifindex, ring->direction, epoch);
}

static void read_some(const struct ring *ring, size_t count, const struct bin_visitor *visitor)
{
	size_t useless = sum_up(ring, count);

	if (useless)
		skip_to(ring, *next_of(ring) + useless, visitor);
	if (useless < count)
		visitor->bins(visitor->context, ring->place->ifindex, ring->direction, *next_of(ring),
			      ring->bins->sums + useless, count - useless);
	*next_of(ring) += count - useless;
}

static void read_ring(const struct ring *ring, uint64_t now_ns, const struct bin_visitor *visitor)
{
	const struct rate_shape *shape = ring->bins->shape;
	uint64_t length = 1ULL << shape->shift, now = now_ns / shape->bin_ns;
	uint64_t end = now_ns > BINS_MARGIN_NS ? (now_ns - BINS_MARGIN_NS) / shape->bin_ns : 0;

	if (now >= length && *next_of(ring) < now - length + 1)
		skip_to(ring, now - length + 1, visitor);
	while (*next_of(ring) < end) {
		uint64_t left = end - *next_of(ring);

		read_some(ring, left < BINS_AT_ONCE ? left : BINS_AT_ONCE, visitor);
	}
}

void bins_begin(struct bins *bins, uint64_t now_ns)
{
	for (size_t i = 0; i < INTERFACES_MAX; i++)
		for (int direction = 0; bins->places[i].words && direction < DIRECTIONS; direction++)
			if (!bins->places[i].next_epoch[direction])
				bins->places[i].next_epoch[direction] = now_ns / bins->shape->bin_ns + 1;
}

void bins_read(struct bins *bins, uint64_t now_ns, const struct bin_visitor *visitor)
{
	if (!bins->shape->bin_ns)
		return;
	bins_begin(bins, now_ns);
	for (size_t i = 0; i < INTERFACES_MAX; i++)
		for (int direction = 0; bins->places[i].words && direction < DIRECTIONS; direction++) {
			struct ring ring = { bins, &bins->places[i], (enum direction)direction };

			read_ring(&ring, now_ns, visitor);
		}
}
