/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scrape costs: 1000 of 65 536 flows, each with gaps and sequence numbers, rendered in both formats
 * and compressed. Prints minimum, median and maximum over the rounds, the size, and the same for JSON. The time is that
 * of the CPU, so that what else the machine does is not in it: nothing here waits.
 *
 *   metrics_bench [rounds]
 */
#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "export/gzip.h"
#include "export/flows_page.h"
#include "export/prometheus.h"

#define FLOWS 65536
#define SERIES 1000
#define ROUNDS_DEFAULT 31
#define ROUNDS_MAX 1001
#define MS_PER_SECOND 1e3

enum page { PAGE_TEXT, PAGE_OPENMETRICS, PAGE_JSON, PAGES };

static const char *const page_names[PAGES] = { "text 0.0.4", "OpenMetrics 1.0", "JSON" };

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * MS_PER_SECOND + (double)now.tv_nsec / 1e6;
}

static uint64_t draw(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void make_flow(struct flow_report *flow, uint32_t index, uint64_t *state)
{
	*flow = (struct flow_report){
		.key = { .src = { htonl(0x0a000000 + index) },
			 .dst = { htonl(0x0a800001) },
			 .sport = htons((uint16_t)(1024 + index % 60000)),
			 .dport = htons(443),
			 .protocol = index % 2 ? IPPROTO_TCP : IPPROTO_UDP,
			 .family = 4 },
		.interface = "eth0",
		.packets = 1 + draw(state) % 1000000,
		.gap_seconds_total = (double)draw(state) / 1e7,
		.gap_squared_seconds_total = (double)draw(state) / 1e11,
		.sequence = { .kind = index % 2 ? SEQUENCE_BYTES : SEQUENCE_PACKETS, .current = (uint32_t)draw(state) },
	};
	flow->bytes = flow->packets * (60 + draw(state) % 1400);
	flow->payload_bytes = flow->bytes - flow->packets * 42;
	flow->gaps_total = flow->packets - 1;
	flow->throughput = (double)draw(state) / 1.000123;
	flow->goodput = flow->throughput * 0.97;
	flow->interarrival = (struct interarrival_report){ 1000, 0, (double)draw(state) / 1e12,
							   (double)draw(state) / 1e13 };
	flow->sequence.received = flow->packets;
	flow->sequence.big = draw(state) % 100;
	flow->sequence.lost = index % 2 ? 0 : draw(state) % 1000;
}

static void add(struct flow_sums *sums, const struct flow_report *flow)
{
	sums->packets += flow->packets;
	sums->bytes += flow->bytes;
	sums->payload_bytes += flow->payload_bytes;
	sums->gaps += flow->gaps_total;
	sums->gap_seconds += flow->gap_seconds_total;
	sums->gap_squared_seconds += flow->gap_squared_seconds_total;
	sums->big += flow->sequence.big;
	sums->lost += flow->sequence.lost;
}

static struct report *make_report(void)
{
	struct report *report = calloc(1, sizeof(*report));
	struct flow_report *flows = calloc(FLOWS, sizeof(*flows));
	uint64_t state = 1;

	if (!report || !flows) {
		fprintf(stderr, "metrics_bench: out of memory\n");
		exit(1);
	}
	report->references = 1;
	report->time_ns = 1795248000123456789ULL;
	report->interval = 1.000123;
	report->flows = flows;
	report->flow_count = FLOWS;
	report->protocols[GROUP_UDP].sequence.kind = SEQUENCE_PACKETS;
	for (uint32_t i = 0; i < FLOWS; i++) {
		make_flow(&flows[i], i, &state);
		add(&report->sums, &flows[i]);
		flows[i].top = i % (FLOWS / SERIES) == 0 && i / (FLOWS / SERIES) < SERIES;
	}
	return report;
}

static void render(enum page page, const struct report *report, struct text *out)
{
	const struct prometheus_config config = { .legacy = false };

	if (page == PAGE_JSON)
		flows_page_render(report, &(struct flows_query){ .top = SERIES }, NULL, out, NULL);
	else
		prometheus_render(&config, report, page == PAGE_TEXT ? EXPOSITION_TEXT : EXPOSITION_OPENMETRICS, out);
	if (out->failed) {
		fprintf(stderr, "metrics_bench: out of memory\n");
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static void print(const char *page, const char *encoding, double *times, int rounds, size_t bytes)
{
	qsort(times, (size_t)rounds, sizeof(*times), compare);
	printf("%-16s %-8s %7.2f %7.2f %7.2f ms %9zu bytes\n", page, encoding, times[0], times[rounds / 2],
	       times[rounds - 1], bytes);
}

static void measure(enum page page, const struct report *report, int rounds)
{
	static double plain[ROUNDS_MAX], compressed[ROUNDS_MAX];
	size_t plain_bytes = 0, compressed_bytes = 0;

	for (int i = 0; i < rounds; i++) {
		struct text text = TEXT_EMPTY;
		double start = now_ms();
		char *gzip;

		render(page, report, &text);
		plain[i] = now_ms() - start;
		if (gzip_compress(text.bytes, text.length, &gzip, &compressed_bytes)) {
			fprintf(stderr, "metrics_bench: out of memory\n");
			exit(1);
		}
		compressed[i] = now_ms() - start;
		plain_bytes = text.length;
		free(gzip);
		text_free(&text);
	}
	print(page_names[page], "plain", plain, rounds, plain_bytes);
	print(page_names[page], "gzip", compressed, rounds, compressed_bytes);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS_DEFAULT;
	struct report *report = make_report();

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "metrics_bench: rounds: a whole number from 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	printf("%d flow series of %d flows: minimum, median, maximum of %d rounds\n", SERIES, FLOWS, rounds);
	for (int page = 0; page < PAGES; page++)
		measure((enum page)page, report, rounds);
	report_release(report);
	return 0;
}
