/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows are freed. Idle ones wait in a queue until the caller takes them. Under pressure a flood of one-packet
 * flows must not push out flows that live: those of few packets go first, each kind from the idlest down. A reading
 * counts its flows by classes of their idle times, and what is to go is told by a class; nothing is sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"

#define FEW_PACKETS 4
#define TICK_AT_FIRST_NS 1000000000ULL

/* --- idle ones --- */

void idle_note(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	uint64_t idle_ns = book->monotonic_ns - record->last_ns;

	if ((int64_t)idle_ns < 0 || idle_ns <= book->config.idle_timeout_ns || book->idle_count == BOOK_IDLE_WAITING)
		return;
	book->idle[book->idle_count++] = (struct idle_flow){ slot, *key };
}

size_t book_idle_waiting(const struct book *book)
{
	return book->idle_count;
}

size_t book_idle(struct book *book, struct idle_flow *out, size_t capacity)
{
	size_t count = book->idle_count < capacity ? book->idle_count : capacity;

	if (!count)
		return 0;
	book->idle_count -= count;
	memcpy(out, book->idle + book->idle_count, count * sizeof(*out));
	return count;
}

/* --- under pressure --- */

static uint32_t age_class(uint64_t now_ns, uint64_t last_ns)
{
	float age = (int64_t)(now_ns - last_ns) > 0 ? (float)(now_ns - last_ns) : 0;
	uint32_t bits;

	memcpy(&bits, &age, sizeof(bits));
	return bits >> 21;
}

static bool has_few(const struct flow_record *record)
{
	return record->packets + record->spilled.packets <= FEW_PACKETS;
}

void pressure_begin(struct book *book, uint64_t monotonic_ns)
{
	struct pressure *pressure = &book->pressure;
	uint64_t since = book->reported && monotonic_ns > book->reported_ns ? monotonic_ns - book->reported_ns : 0;

	if (book->reading_open || !pressure->tick_ns)
		pressure->tick_ns = since ? since : TICK_AT_FIRST_NS;
	pressure->now_ns = monotonic_ns;
	pressure->flows = 0;
	memset(pressure->few, 0, sizeof(pressure->few));
	memset(pressure->many, 0, sizeof(pressure->many));
}

void book_press_begin(struct book *book, uint64_t monotonic_ns)
{
	pressure_begin(book, monotonic_ns);
}

void book_press_count(struct book *book, const struct flow_record *record)
{
	struct pressure *pressure = &book->pressure;
	uint32_t class = age_class(pressure->now_ns, record->last_ns);

	if (!record->packets)
		return;
	pressure->flows++;
	if (has_few(record))
		pressure->few[class]++;
	else
		pressure->many[class]++;
}

/* From the idlest class down, as many as wanted; none of the classes up to `spared`. Returns how many are still wanted. */
static size_t cut_of(const uint32_t flows[AGE_CLASSES], int64_t spared, size_t wanted, struct age_cut *cut)
{
	for (int64_t class = AGE_CLASSES - 1; class > spared; class --) {
		if (flows[class] >= wanted) {
			*cut = (struct age_cut){ (uint32_t) class, wanted };
			return 0;
		}
		wanted -= flows[class];
	}
	*cut = (struct age_cut){ (uint32_t)(spared < 0 ? 0 : spared), 0 };
	if (spared < 0)
		cut->quota = flows[0];
	return wanted;
}

bool book_press_choose(struct book *book)
{
	struct pressure *pressure = &book->pressure;
	size_t limit = book->config.max_flows, kept = limit - limit / 4, wanted;

	if (pressure->flows <= limit - limit / 8)
		return false;
	wanted = cut_of(pressure->few, -1, pressure->flows - kept, &pressure->few_cut);
	cut_of(pressure->many, age_class(pressure->tick_ns, 0), wanted, &pressure->many_cut);
	return true;
}

bool book_press_takes(struct book *book, const struct flow_record *record)
{
	struct pressure *pressure = &book->pressure;
	struct age_cut *cut = has_few(record) ? &pressure->few_cut : &pressure->many_cut;
	uint32_t class = age_class(pressure->now_ns, record->last_ns);

	if (!record->packets || class < cut->class || (class == cut->class && !cut->quota))
		return false;
	if (class == cut->class)
		cut->quota--;
	return true;
}
