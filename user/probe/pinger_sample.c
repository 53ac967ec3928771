/* SPDX-License-Identifier: BSD-2-Clause */
/* The pinger's part of a report, copied out whole: it outlives hosts that a reload or a name server takes away. */
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/pinger_internal.h"

/* Texts go into one piece of memory, whose size is counted before it is filled. */
struct texts {
	char *at;
	size_t length;
};

static const char *put(struct texts *texts, const char *text)
{
	size_t size = strlen(text) + 1;
	char *at = texts->at + texts->length;

	memcpy(at, text, size);
	texts->length += size;
	return at;
}

struct sizes {
	size_t rows, errors, texts;
};

static struct sizes sizes_of(const struct pinger *pinger)
{
	struct sizes sizes = { .texts = 1 };

	for (size_t i = 0; i < pinger->host_count; i++) {
		const struct host *host = pinger->hosts[i];

		sizes.texts += strlen(host->words.name) + 1;
		sizes.rows += host->target_count ? host->target_count : 1;
		for (unsigned int j = 0; j < host->target_count; j++) {
			const struct target_errors *errors = host->targets[j]->state.by_whom;

			sizes.texts += strlen(host->targets[j]->text) + 1;
			sizes.errors += errors ? errors->count : 0;
		}
	}
	sizes.texts += sizes.errors * INET6_ADDRSTRLEN;
	return sizes;
}

static const char *reporter_of(const struct target_error *error, char text[INET6_ADDRSTRLEN])
{
	if (!error->family)
		return "local";
	if (error->family == TARGET_REPORTER_OTHER)
		return "other";
	return inet_ntop(error->family == 4 ? AF_INET : AF_INET6, error->from, text, INET6_ADDRSTRLEN);
}

static void copy_errors(const struct target *target, struct ping_report *row, struct ping_error_report *errors,
			struct texts *texts)
{
	const struct target_errors *by_whom = target->state.by_whom;
	char text[INET6_ADDRSTRLEN];

	row->errors = errors;
	row->error_count = by_whom ? by_whom->count : 0;
	for (size_t i = 0; i < row->error_count; i++)
		errors[i] = (struct ping_error_report){
			.kind = by_whom->items[i].kind,
			.from = put(texts, reporter_of(&by_whom->items[i], text)),
			.count = by_whom->items[i].count,
		};
}

static void copy_pings(const struct pinger *pinger, struct ping_sample *sample, size_t *rows_of_targets)
{
	struct texts texts = { .at = sample->texts };
	size_t errors = 0;

	for (size_t i = 0; i < pinger->host_count; i++) {
		const struct host *host = pinger->hosts[i];
		const char *dest = put(&texts, host->words.name);

		for (unsigned int j = 0; j < host->target_count; j++) {
			const struct target *target = host->targets[j];
			struct ping_report *row = &sample->pings[sample->ping_count];

			rows_of_targets[target->index] = sample->ping_count++;
			target_report(&target->state, &host->config, row);
			row->dest = dest;
			row->host = i;
			row->address = put(&texts, target->text);
			copy_errors(target, row, sample->errors + errors, &texts);
			errors += row->error_count;
		}
		if (!host->target_count)
			sample->pings[sample->ping_count++] = (struct ping_report){
				.dest = dest,
				.address = "",
				.host = i,
				.up_known = host->unresolved,
				.last_rtt = NAN,
				.delay_variation = NAN,
			};
	}
}

static void copy_rounds(struct pinger *pinger, struct ping_sample *sample, const size_t *rows_of_targets)
{
	for (size_t i = 0; i < pinger->round_count; i++) {
		const struct ended_round *ended = &pinger->rounds[i];

		if (!ended->target)
			continue;
		sample->rounds[sample->round_count++] = (struct ping_round_report){
			.ping = rows_of_targets[ended->target->index],
			.time_ns = ended->time_ns,
			.errors = ended->round.errors,
			.duplicate = ended->round.duplicate,
			.late = ended->round.late,
			.round = ended->round.round,
			.delay_variation = ended->round.delay_variation,
		};
	}
	pinger->round_count = 0;
}

static void catch_up(struct pinger *pinger)
{
	uint64_t now = clock_monotonic_ns();

	pinger_receive(pinger);
	for (size_t i = 0; i < pinger->host_count; i++)
		for (unsigned int j = 0; j < pinger->hosts[i]->target_count; j++)
			pinger_settle(pinger, pinger->hosts[i]->targets[j], now);
}

static void *array_new(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

struct ping_sample *pinger_sample(struct pinger *pinger)
{
	struct ping_sample *sample;
	size_t *rows_of_targets;
	struct sizes sizes;

	if (!pinger->host_count)
		return NULL;
	catch_up(pinger);
	sizes = sizes_of(pinger);
	sample = calloc(1, sizeof(*sample));
	rows_of_targets = array_new(pinger->target_room, sizeof(*rows_of_targets));
	if (sample) {
		sample->pings = array_new(sizes.rows, sizeof(*sample->pings));
		sample->errors = array_new(sizes.errors, sizeof(*sample->errors));
		sample->rounds = array_new(pinger->round_count, sizeof(*sample->rounds));
		sample->texts = malloc(sizes.texts);
	}
	if (!sample || !rows_of_targets || !sample->pings || !sample->errors || !sample->rounds || !sample->texts) {
		free(rows_of_targets);
		return ping_sample_free(sample);
	}
	sample->all = pinger->all;
	sample->pinger = pinger->report;
	copy_pings(pinger, sample, rows_of_targets);
	copy_rounds(pinger, sample, rows_of_targets);
	free(rows_of_targets);
	return sample;
}
