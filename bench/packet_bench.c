/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet costs: flowgauge and its rivals beside the empty program, all behind the same driver and interleaved in
 * one run, so that what the machine does meanwhile falls on all alike. Writes a line of JSON for each set of packets and
 * hook; ns a packet as the kernel's test run measures it.
 *
 *   packet_bench [--rounds N] [--hook tc|xdp] [--set TEXT]... [--compare OBJ:PROG]... [--parts] [--steps]
 *
 * --set chooses the sets whose name contains the text; --parts takes flowgauge apart, and --steps
 * measures single steps of a monitor instead.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "candidate.h"
#include "driver.h"
#include "figures.h"

#define CANDIDATES_MAX 16
#define SETS_MAX 32
#define USAGE \
	"usage: packet_bench [--rounds N] [--hook tc|xdp] [--set TEXT]... [--compare OBJ:PROG]... [--parts] [--steps]"

static const char *const hook_names[BENCH_HOOKS] = { "tc", "xdp" };

/* A candidate, with the hook that it is for. */
struct entry {
	struct candidate candidate;
	bool hooks[BENCH_HOOKS];
};

struct job {
	struct entry entries[CANDIDATES_MAX];
	int entry_count;
	const char *chosen[SETS_MAX];
	int chosen_count;
	bool hooks[BENCH_HOOKS];
	int rounds;
	bool parts, steps;
};

/* One candidate in one set. */
struct measurement {
	struct entry *entry;
	struct target target;
	struct driver *driver;
	double ns[ROUNDS_MAX];
	uint64_t sent, counted;
};

static struct entry *entry_add(struct job *job, const struct candidate_kind *kind, const char *name)
{
	struct entry *entry;

	if (job->entry_count == CANDIDATES_MAX) {
		fprintf(stderr, "packet_bench: --compare: at most %d programs\n", CANDIDATES_MAX - 3);
		exit(2);
	}
	entry = &job->entries[job->entry_count++];
	*entry = (struct entry){ .candidate = { .kind = kind }, .hooks = { true, true } };
	snprintf(entry->candidate.name, sizeof(entry->candidate.name), "%s", name);
	return entry;
}

static void refusal_print(struct candidate *candidate, const char *reason)
{
	if (!candidate->refused)
		fprintf(stderr, "packet_bench: %s: does not load: %s\n", candidate->name, reason);
	candidate->refused = true;
}

/* OBJ:PROG; the name of its column is PROG, with a number if there is one of that name already. */
static void rival_add(struct job *job, char *word)
{
	char *colon = strrchr(word, ':'), reason[REASON_SIZE], name[48];
	struct entry *entry;
	enum bench_hook hook;

	if (!colon || colon == word || !colon[1]) {
		fprintf(stderr,
			"packet_bench: --compare: \"%s\" is not a BPF object's file and a program in it, as OBJ:PROG\n",
			word);
		exit(2);
	}
	*colon = '\0';
	snprintf(name, sizeof(name), "%s", colon + 1);
	for (int i = 0; i < job->entry_count; i++)
		if (!strcmp(job->entries[i].candidate.name, name))
			snprintf(name, sizeof(name), "%.40s#%d", colon + 1, i);
	entry = entry_add(job, &rival_kind, name);
	entry->candidate.object = word;
	entry->candidate.program = colon + 1;
	if (!rival_hook(&entry->candidate, &hook, reason)) {
		refusal_print(&entry->candidate, reason);
		return;
	}
	for (int other = 0; other < BENCH_HOOKS; other++)
		entry->hooks[other] = other == (int)hook;
}

static void steps_add(struct job *job)
{
	static const char *const steps[][2] = {
		{ "clock", "step_clock" },
		{ "1 line", "step_line" },
		{ "2 lines", "step_slot" },
		{ "index, 2 lines", "step_index_slot" },
		{ "index, lock, 2 lines", "step_index_lock_slot" },
		{ "clock, lock, 2 lines", "step_clock_lock_slot" },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct entry *entry = entry_add(job, &step_kind, steps[i][0]);

		entry->candidate.program = steps[i][1];
		entry->hooks[BENCH_XDP] = false;
	}
}

static void subjects_add(struct job *job)
{
	if (!job->parts) {
		entry_add(job, &subject_kind, "flowgauge");
		return;
	}
	entry_add(job, &subject_flows_kind, "flows alone");
	entry_add(job, &subject_bins_kind, "and bins");
	entry_add(job, &subject_rtt_kind, "and RTT");
}

static void usage(void)
{
	fprintf(stderr, "packet_bench: " USAGE "\n");
	exit(2);
}

static void read_hook(struct job *job, const char *word)
{
	for (int hook = 0; hook < BENCH_HOOKS; hook++)
		job->hooks[hook] = !strcmp(word, hook_names[hook]);
	if (!job->hooks[BENCH_TC] && !job->hooks[BENCH_XDP])
		usage();
}

static void read_rounds(struct job *job, const char *word)
{
	uint64_t rounds;

	if (number_parse_u64(word, ROUNDS_MIN, ROUNDS_MAX, &rounds)) {
		fprintf(stderr, "packet_bench: --rounds: \"%s\" is not a whole number from %d to %d\n", word,
			ROUNDS_MIN, ROUNDS_MAX);
		exit(2);
	}
	job->rounds = (int)rounds;
}

static void read_words(struct job *job, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "hook", required_argument, NULL, 'h' },
		{ "set", required_argument, NULL, 's' },
		{ "compare", required_argument, NULL, 'c' },
		{ "steps", no_argument, NULL, 'p' },
		{ "parts", no_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	char *rivals[CANDIDATES_MAX];
	int option, rival_count = 0;

	*job = (struct job){ .hooks = { true, true }, .rounds = ROUNDS_MIN };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			read_rounds(job, optarg);
		else if (option == 'h')
			read_hook(job, optarg);
		else if (option == 's' && job->chosen_count < SETS_MAX)
			job->chosen[job->chosen_count++] = optarg;
		else if (option == 'c' && rival_count < CANDIDATES_MAX)
			rivals[rival_count++] = optarg;
		else if (option == 'p')
			job->steps = true;
		else if (option == 'b')
			job->parts = true;
		else
			usage();
	}
	if (optind < argc || (job->parts && job->steps))
		usage();
	entry_add(job, &empty_kind, "empty");
	if (job->steps)
		steps_add(job);
	else
		subjects_add(job);
	for (int i = 0; i < rival_count; i++)
		rival_add(job, rivals[i]);
}

static bool is_chosen(const struct job *job, const struct packet_set *set)
{
	if (job->steps && (set->is_new || set->is_zipf || set->rules || set->sequence != SEQUENCE_AT_OFFSET))
		return false;
	for (int i = 0; i < job->chosen_count; i++)
		if (strstr(set->name, job->chosen[i]))
			return true;
	return !job->chosen_count;
}

/* What only flowgauge is asked to do is not held against others, who would not do it. */
static bool takes_part(const struct entry *entry, const struct packet_set *set, enum bench_hook hook)
{
	bool special = set->rules || set->sequence == SEQUENCE_AT_PATTERN;

	if (entry->candidate.kind == &subject_rtt_kind && !set->is_tcp)
		return false;
	return entry->hooks[hook] && !entry->candidate.refused && (!special || entry->candidate.kind != &rival_kind);
}

static bool begin(struct measurement *one, const struct packets *packets, enum bench_hook hook)
{
	struct candidate *candidate = &one->entry->candidate;
	bool is_empty = candidate->kind == &empty_kind;
	char reason[REASON_SIZE];

	if (!is_empty && !candidate->kind->load(candidate, packets->set, hook, &one->target, reason)) {
		refusal_print(candidate, reason);
		return false;
	}
	one->driver = driver_open(packets, hook, is_empty ? NULL : &one->target);
	return true;
}

/* All flows are there now. The monitor reads them, as it does every second, and tells the program how many there are. */
static void fill(struct measurement *one)
{
	struct candidate *candidate = &one->entry->candidate;

	driver_fill(one->driver);
	if (candidate->kind->counted)
		candidate->kind->counted(candidate);
}

static void end(struct measurement *one)
{
	struct candidate *candidate = &one->entry->candidate;

	one->sent += driver_sent(one->driver);
	driver_close(one->driver);
	if (candidate->kind->counted)
		one->counted += candidate->kind->counted(candidate);
	if (candidate->kind->unload)
		candidate->kind->unload(candidate);
}

/* Loaded anew for each round: a table that is empty each time. */
static int measure_new(struct measurement *all, int count, const struct job *job, const struct packets *packets,
		       enum bench_hook hook)
{
	for (int round = 0; round < job->rounds; round++) {
		int kept = 0;

		for (int i = 0; i < count; i++) {
			if (!begin(&all[i], packets, hook))
				continue;
			all[i].ns[round] = driver_fill(all[i].driver);
			end(&all[i]);
			if (kept != i)
				all[kept] = all[i];
			kept++;
		}
		count = kept;
	}
	return count;
}

static int measure_replay(struct measurement *all, int count, const struct job *job, const struct packets *packets,
			  enum bench_hook hook)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (!begin(&all[i], packets, hook))
			continue;
		if (kept != i)
			all[kept] = all[i];
		fill(&all[kept++]);
	}
	for (int round = 0; round < job->rounds; round++)
		for (int i = 0; i < kept; i++)
			all[i].ns[round] = driver_replay(all[i].driver);
	for (int i = 0; i < kept; i++)
		end(&all[i]);
	return kept;
}

static void write_candidate(struct json_writer *json, struct measurement *one, int rounds, double *empty)
{
	struct figures figures = figures_of(one->ns, rounds);
	const struct candidate *candidate = &one->entry->candidate;

	json_object_open(json, NULL);
	json_string(json, "name", candidate->name);
	figures_write(json, &figures);
	if (candidate->kind == &empty_kind) {
		*empty = figures.min;
	} else {
		json_double(json, "net", figures.min - *empty);
		json_double(json, "ratio", figures.min / *empty);
	}
	if (candidate->kind->counted) {
		json_u64(json, "sent", one->sent);
		json_u64(json, "counted", one->counted);
	}
	json_object_close(json);
}

static void write_set(const struct packet_set *set, enum bench_hook hook, struct measurement *all, int count,
		      const struct job *job)
{
	struct text line = TEXT_EMPTY;
	struct json_writer json;
	double empty = 0;

	json_begin(&json, &line);
	json_object_open(&json, NULL);
	json_string(&json, "part", job->steps ? "steps" : job->parts ? "parts" : "packet");
	json_string(&json, "hook", hook_names[hook]);
	json_string(&json, "set", set->name);
	json_u64(&json, "flows", set->flows);
	json_u64(&json, "packets", set_packets(set));
	json_u64(&json, "rounds", (uint64_t)job->rounds);
	json_array_open(&json, "programs");
	for (int i = 0; i < count; i++)
		write_candidate(&json, &all[i], job->rounds, &empty);
	json_array_close(&json);
	json_object_close(&json);
	record_print(&line);
}

static void measure(struct job *job, const struct packets *packets, enum bench_hook hook)
{
	static struct measurement all[CANDIDATES_MAX];
	int count = 0;

	for (int i = 0; i < job->entry_count; i++)
		if (takes_part(&job->entries[i], packets->set, hook))
			all[count++] = (struct measurement){ .entry = &job->entries[i] };
	if (packets->set->is_new)
		count = measure_new(all, count, job, packets, hook);
	else
		count = measure_replay(all, count, job, packets, hook);
	write_set(packets->set, hook, all, count, job);
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

const struct candidate_kind empty_kind = { NULL, NULL, NULL };

int main(int argc, char **argv)
{
	struct packets packets;
	struct job job;

	libbpf_set_print(silent);
	read_words(&job, argc, argv);
	if (job.steps)
		job.hooks[BENCH_XDP] = false;
	packets_open(&packets);
	for (int hook = 0; hook < BENCH_HOOKS; hook++)
		for (size_t i = 0; i < packet_set_count && job.hooks[hook]; i++) {
			if (!is_chosen(&job, &packet_sets[i]))
				continue;
			packets_choose(&packets, &packet_sets[i]);
			measure(&job, &packets, (enum bench_hook)hook);
		}
	packets_close(&packets);
	return 0;
}
