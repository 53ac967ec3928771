/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gaps and sequence numbers of a flow, from two readings of its record.
 *
 * The kernel keeps no count and no sum of gaps: both follow from the packets and from the first and last time, less the
 * gaps over 2 s. It keeps the sum of squares, which is all that a deviation needs besides. The subtraction of two large
 * and nearly equal sums is done in long double; what is left is the rounding of the sums themselves, some 1e-8 of the
 * mean gap, and of the squares' unit, 16 ns: both far below the microsecond that a user can see.
 *
 * A record may be read in the middle of a packet. The only half step that would do harm is that of a gap over 2 s: the
 * stop is written down, but the packet that ended it is not counted yet. Such a record has no packet after its restart;
 * it is read as if that packet were in.
 */
#include "measure/moments.h"

#include <math.h>
#include <netinet/in.h>

#define NANOSECONDS 1e9
#define SQUARE_UNITS (1e18 / (1 << GAP_SQUARE_SHIFT))        /* in a s^2 */
#define SQUARES_TURN (18446744073709551616.0 / SQUARE_UNITS) /* s^2 in 2^64 units */

/* A point in the life of a flow from which gaps are counted, or up to which. */
struct gap_mark {
	uint64_t packets;
	uint64_t last_ns;
	uint64_t squares;
	uint64_t merged;
	uint64_t restarts;
	uint64_t stopped_ns;
};

static struct gap_mark mark_of(const struct flow_record *record)
{
	struct gap_mark mark = {
		.packets = record->packets,
		.last_ns = record->last_ns,
		.squares = record->gap_squares,
		.merged = record->merged,
		.restarts = record->restarts,
		.stopped_ns = record->stopped_ns,
	};

	if (record->packets > record->restart_packets)
		return mark;
	mark.packets = record->restart_packets + 1;
	mark.last_ns = record->restart_ns;
	if (!mark.restarts)
		mark.restarts = 1;
	return mark;
}

/* The flow's first packet: it ends no gap. */
static struct gap_mark mark_of_birth(const struct flow_record *record)
{
	return (struct gap_mark){ .packets = 1, .last_ns = record->first_ns };
}

static bool is_blank(const struct flow_record *record)
{
	return !record || !record->packets;
}

static struct gap_mark mark_before(const struct flow_record *before, const struct flow_record *now)
{
	return is_blank(before) ? mark_of_birth(now) : mark_of(before);
}

static uint64_t growth(uint64_t from, uint64_t to)
{
	int64_t difference = (int64_t)(to - from);

	return difference > 0 ? (uint64_t)difference : 0;
}

/*
 * The squares' counter may have turned over more than once: after 9444 s^2, which is 79 minutes of 2 s gaps. A sum of
 * squares is never below (sum)^2 / n, so turns that are missing show, unless the gaps differ by thousands of s^2.
 */
static double turns_of(uint64_t units, uint64_t count, double seconds)
{
	double squares = (double)units / SQUARE_UNITS, n = (double)count;

	if (!count || seconds * seconds <= (squares + SQUARES_TURN / 2) * n)
		return 0;
	return round((seconds * seconds / n - squares) / SQUARES_TURN);
}

static double squares_of(uint64_t units, uint64_t count, double seconds)
{
	return (double)units / SQUARE_UNITS + turns_of(units, count, seconds) * SQUARES_TURN;
}

static struct gap_sums sums_between(const struct gap_mark *from, const struct gap_mark *to)
{
	uint64_t count = growth(from->packets + (to->restarts - from->restarts), to->packets);
	uint64_t merged = growth(from->merged, to->merged);
	double seconds = (double)growth(from->last_ns + (to->stopped_ns - from->stopped_ns), to->last_ns) / NANOSECONDS;

	return (struct gap_sums){
		.count = count,
		.merged = merged < count ? merged : count,
		.seconds = seconds,
		.squared_seconds = squares_of(to->squares - from->squares, count, seconds),
	};
}

bool gaps_restarted(const struct flow_record *before, const struct flow_record *now)
{
	struct gap_mark from = mark_before(before, now);

	return now->restarts != from.restarts || now->restart_packets >= from.packets;
}

struct gap_sums gaps_of_interval(const struct flow_record *before, const struct flow_record *now)
{
	struct gap_mark from, to;
	struct gap_sums sums;

	if (is_blank(now))
		return (struct gap_sums){ 0 };
	from = mark_before(before, now);
	to = mark_of(now);
	if (gaps_restarted(before, now)) {
		from.packets = now->restart_packets + 1;
		from.last_ns = now->restart_ns;
		from.squares = now->restart_squares;
		from.restarts = to.restarts;
		from.stopped_ns = to.stopped_ns;
	}
	sums = sums_between(&from, &to);
	return sums.count ? sums : (struct gap_sums){ 0 };
}

struct gap_sums gaps_between(const struct flow_record *before, const struct flow_record *now)
{
	struct gap_mark from, to;

	if (is_blank(now))
		return (struct gap_sums){ 0 };
	from = mark_before(before, now);
	to = mark_of(now);
	return sums_between(&from, &to);
}

struct gap_life gaps_of_life(const struct flow_record *record)
{
	struct gap_mark from, to;

	if (is_blank(record))
		return (struct gap_life){ 0 };
	from = mark_of_birth(record);
	to = mark_of(record);
	return (struct gap_life){
		.count = growth(from.packets + to.restarts, to.packets),
		.ns = growth(from.last_ns + to.stopped_ns, to.last_ns),
		.squares = to.squares,
	};
}

uint64_t gap_square_turns(const struct flow_record *record)
{
	struct gap_life life = gaps_of_life(record);

	return (uint64_t)turns_of(life.squares, life.count, (double)life.ns / NANOSECONDS);
}

struct gap_sums gaps_add(struct gap_sums a, struct gap_sums b)
{
	return (struct gap_sums){
		.count = a.count + b.count,
		.merged = a.merged + b.merged,
		.seconds = a.seconds + b.seconds,
		.squared_seconds = a.squared_seconds + b.squared_seconds,
	};
}

struct interarrival_report interarrival_of(struct gap_sums sums)
{
	struct interarrival_report report = { .count = sums.count, .merged = sums.merged, .mean = NAN, .stddev = NAN };
	long double count = (long double)sums.count, seconds = sums.seconds, variance;

	if (sums.count < 1)
		return report;
	report.mean = (double)(seconds / count);
	if (sums.count < 2)
		return report;
	variance = (sums.squared_seconds - seconds * seconds / count) / (count - 1);
	report.stddev = variance > 0 ? (double)sqrtl(variance) : 0;
	return report;
}

struct gap_sums gaps_of_report(const struct interarrival_report *report)
{
	struct gap_sums sums = { .count = report->count, .merged = report->merged };
	long double count = (long double)report->count, mean = report->mean, deviation = report->stddev;

	if (report->count < 1)
		return sums;
	sums.seconds = (double)(mean * count);
	sums.squared_seconds = (double)(mean * mean * count);
	if (report->count > 1)
		sums.squared_seconds = (double)(mean * mean * count + deviation * deviation * (count - 1));
	return sums;
}

/*
 * Expected less distinct numbers of the run that goes on. The span of the numbers is known modulo 2^32 only; a run
 * longer than that has distinct numbers to tell how often it turned over.
 */
static uint64_t lost_in_run(const struct sequence_record *record)
{
	uint64_t expected = (uint64_t)(record->highest - record->base) + 1;
	int32_t difference = (int32_t)((uint32_t)expected - (uint32_t)record->run_unique);

	if (expected >= record->run_unique)
		return expected - record->run_unique;
	return difference > 0 ? (uint64_t)difference : 0;
}

struct sequence_report sequence_of(const struct flow_key *key, const struct sequence_record *record)
{
	struct sequence_report report = { .kind = SEQUENCE_NONE };

	if (!record->started)
		return report;
	report.kind = key->protocol == IPPROTO_TCP ? SEQUENCE_BYTES : SEQUENCE_PACKETS;
	report.current = record->current;
	report.received = record->received;
	report.reverse = record->reverse;
	report.big = record->big;
	if (report.kind == SEQUENCE_BYTES)
		return report;
	report.small = record->small;
	report.duplicate = record->duplicate;
	report.reordered = record->reordered;
	report.lost = record->lost_before + lost_in_run(record);
	return report;
}

uint64_t fresh_bytes_of(const struct flow_key *key, const struct flow_record *record)
{
	uint64_t payload = record->payload_bytes + record->spilled.payload_bytes;

	if (key->protocol != IPPROTO_TCP)
		return payload;
	return payload > record->tcp.repeated_bytes ? payload - record->tcp.repeated_bytes : 0;
}
