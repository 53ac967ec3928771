/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the book of flows costs: ticks over 1000, 65 536 and a million flows, all of them moving, in the order of their
 * slots, with 16 384 of them followed; and with all of them followed. The last report has been let go when the next
 * reading begins, as in the monitor. What it takes to make the records is measured alone, and left out. Figures: time and
 * memory a flow.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure/book.h"

#define TICKS 33
#define FOLLOWED 16384
#define TOP 1000
#define SECOND 1000000000ULL

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static double peak_megabytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static struct flow_key key_of(uint32_t index)
{
	struct flow_key key = { .ifindex = 2, .protocol = 17, .family = 4 };

	key.src[0] = index * 2654435761U;
	key.dst[0] = index;
	key.sport = (uint16_t)(index * 40503U);
	return key;
}

/* A flow of 4 packets a tick, some with larger packets than others. */
static struct flow_record record_of(uint32_t index, uint64_t tick)
{
	uint64_t packets = 4 * tick, gap = SECOND / 4 + index % 1000;

	return (struct flow_record){
		.packets = packets,
		.bytes = packets * (60 + index * 2654435761U % 1400),
		.payload_bytes = packets * 18,
		.first_ns = SECOND,
		.last_ns = SECOND + (packets - 1) * gap,
		.gap_squares = (packets - 1) * (gap * gap >> GAP_SQUARE_SHIFT),
		.sequence = { .started = 1,
			      .received = packets,
			      .base = 1,
			      .highest = (uint32_t)packets,
			      .current = (uint32_t)packets,
			      .run_unique = packets },
	};
}

struct costs {
	uint64_t making_ns, flows_ns, report_ns; /* of the records alone; of the reading, with them; of the report */
};

/* Keeps the compiler from leaving out what nobody reads. */
static void use(const void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

static uint64_t cost_of_records(uint32_t flows, uint64_t tick)
{
	uint64_t start = now_ns();

	for (uint32_t i = 0; i < flows; i++) {
		struct flow_key key = key_of(i);
		struct flow_record record = record_of(i, tick);

		use(&key);
		use(&record);
	}
	return now_ns() - start;
}

static int tick_once(struct book *book, uint32_t flows, uint64_t tick, struct report **latest, struct costs *costs)
{
	struct ledger_record ledger = { .seen = { .packets = 4 * tick * flows } };
	struct self_report self = { 0 };
	struct report *report;
	uint64_t start, middle;
	int error = 0;

	*latest = report_release(*latest);
	costs->making_ns = tick ? cost_of_records(flows, tick) : 0;
	start = now_ns();

	ledger.outcome[OUTCOME_FLOW] = ledger.seen;
	book_begin(book, (tick + 1) * SECOND, (tick + 1) * SECOND);
	for (uint32_t i = 0; i < flows && tick && !error; i++) {
		struct flow_key key = key_of(i);
		struct flow_record record = record_of(i, tick);

		error = book_flow(book, i, &key, &record);
	}
	middle = now_ns();
	if (!error)
		error = book_ledger(book, 2, DIRECTION_INGRESS, &ledger);
	if (!error)
		error = book_report(book, 0, &self, &report);
	if (error)
		return error;
	costs->flows_ns = middle - start;
	costs->report_ns = now_ns() - middle;
	*latest = report;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

/* Each part's median: the least of a difference of two noisy times would flatter. */
static void print_costs(uint32_t flows, uint32_t followed, const struct costs all[TICKS], double bytes)
{
	double making[TICKS], reading[TICKS], reporting[TICKS], read, reported;
	size_t count = 0;

	for (size_t tick = 2; tick < TICKS; tick++, count++) {
		making[count] = (double)all[tick].making_ns;
		reading[count] = (double)all[tick].flows_ns;
		reporting[count] = (double)all[tick].report_ns;
	}
	read = median(reading, count) - median(making, count);
	reported = median(reporting, count);
	printf("%8u flows, %u followed: median tick %.1f ms, %.0f ns a flow (reading %.0f, report %.0f; the first tick %.0f), "
	       "peak memory %.1f MB, %.0f bytes a flow\n",
	       flows, followed < flows ? followed : flows, (read + reported) / 1e6, (read + reported) / flows,
	       read / flows, reported / flows, (double)(all[1].flows_ns - all[1].making_ns + all[1].report_ns) / flows,
	       peak_megabytes(), bytes / flows);
}

static int measure(uint32_t flows, uint32_t followed)
{
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = flows,
		.followed_max = followed,
		.top_max = TOP,
	};
	struct costs costs[TICKS];
	double before = peak_megabytes();
	struct report *latest = NULL;
	struct book *book;
	int error = book_new(&config, &book);

	if (error)
		return error;
	for (uint64_t tick = 0; tick < TICKS && !error; tick++)
		error = tick_once(book, flows, tick, &latest, &costs[tick]);
	if (!error)
		print_costs(flows, followed, costs, (peak_megabytes() - before) * 1048576);
	report_release(latest);
	book_free(book);
	return error;
}

/* Each size in a process of its own: the peak of one does not hide that of another. */
static int measure_apart(uint32_t flows, uint32_t followed)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		int error = measure(flows, followed);

		fflush(stdout);
		_exit(error ? 1 : 0);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

int main(void)
{
	static const uint32_t sizes[] = { 1000, 65536, 1000000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int error = measure_apart(sizes[i], FOLLOWED);

		if (!error && sizes[i] > FOLLOWED)
			error = measure_apart(sizes[i], sizes[i]);
		if (error) {
			fprintf(stderr, "book_bench: %u flows: %s\n", sizes[i], strerror(-error));
			return 1;
		}
	}
	return 0;
}
