/* SPDX-License-Identifier: BSD-2-Clause */
#include "subject.h"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/monitor_internal.h"

#define ROOM_LEAST 65536 /* what the monitor has by default */
#define PAIRS 4096       /* that have histograms */
#define WITH_BINS 1U     /* of the rate monitor */
#define WITH_RTT 2U      /* round-trip times */
#define ALL (WITH_BINS | WITH_RTT)
#define TEST_DEVICE "lo" /* a test run's frames come from it */
#define BIN_NS 1000000   /* of the rate monitor, by default */

/* The least power of two that holds twice the flows, as is advised, and no less than the default. */
static uint32_t room_for(uint32_t flows)
{
	uint32_t room = ROOM_LEAST;

	while (room < 2 * flows)
		room *= 2;
	return room;
}

static struct monitor_config config_of(const struct packet_set *set, uint32_t room, enum bench_hook hook,
				       unsigned int parts)
{
	struct monitor_config config = {
		.constants = { .sequence_mode = set->sequence, .sequence_threshold = 2 },
		.hook = hook == BENCH_XDP ? HOOK_XDP : HOOK_TC,
		.direction = { [DIRECTION_INGRESS] = true },
		.max_flows = room,
		.rtt = { .enabled = parts & WITH_RTT, .max_flows = room, .max_pairs = PAIRS },
	};

	if (set->sequence == SEQUENCE_AT_PATTERN) {
		static const unsigned char pattern[] = { 0xfe, 0x9b, 0xca, 0xfe };

		memcpy(&config.constants.pattern, pattern, sizeof(pattern));
		memset(&config.constants.pattern_mask, 0xff, sizeof(pattern));
		config.constants.pattern_length = sizeof(pattern);
		config.constants.pattern_rare = 1;
	}
	return config;
}

/* Source 192.0.2.n, from which no packet of any set comes. */
static int rules_set(struct monitor *monitor, const struct packet_set *set, char reason[REASON_SIZE])
{
	struct rule *rules = calloc(set->rules, sizeof(*rules));
	int err = rules ? 0 : -1;

	for (int i = 0; i < set->rules && !err; i++) {
		char text[40];

		snprintf(text, sizeof(text), "192.0.2.%d - - - -", i);
		err = rule_parse(text, &rules[i], reason);
	}
	if (!err)
		err = monitor_set_rules(monitor, rules, set->rules, reason);
	free(rules);
	return err;
}

_Static_assert(REASON_SIZE >= MONITOR_ERROR_SIZE && REASON_SIZE >= RULE_ERROR_SIZE, "errors fit");

static struct monitor *open_with(const struct packet_set *set, uint32_t room, enum bench_hook hook, unsigned int parts,
				 char reason[REASON_SIZE])
{
	struct monitor_config config = config_of(set, room, hook, parts);
	struct monitor *monitor;

	config.constants.bins = parts & WITH_BINS ? 1 : 0;
	if (monitor_open(&config, &monitor, reason))
		return NULL;
	if (place_take(monitor, if_nametoindex(TEST_DEVICE)) < 0) {
		snprintf(reason, REASON_SIZE, "this network namespace has no loopback device " TEST_DEVICE);
		return monitor_close(monitor);
	}
	if ((parts & WITH_BINS) && monitor_set_bin_length(monitor, BIN_NS)) {
		snprintf(reason, REASON_SIZE, "no bins");
		return monitor_close(monitor);
	}
	if (set->rules && rules_set(monitor, set, reason))
		return monitor_close(monitor);
	return monitor;
}

struct monitor *subject_open(const struct packet_set *set, uint32_t room, enum bench_hook hook,
			     char reason[REASON_SIZE])
{
	return open_with(set, room, hook, ALL, reason);
}

struct target subject_target(struct monitor *monitor, enum bench_hook hook)
{
	const struct bpf_program *program = hook == BENCH_XDP ? monitor->skeleton->progs.flowgauge_xdp :
								monitor->skeleton->progs.flowgauge_in;

	return (struct target){
		.fd = bpf_program__fd(program),
		.has_frags = hook == BENCH_XDP,
		.attach_type = bpf_program__expected_attach_type(program),
	};
}

static void visit_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct subject_reading *reading = context;

	(void)slot;
	(void)key;
	reading->flows++;
	reading->packets += record->packets + record->spilled.packets;
}

static void visit_ledger(void *context, unsigned int ifindex, enum direction direction, const struct ledger_record *sum)
{
	(void)context;
	(void)ifindex;
	(void)direction;
	(void)sum;
}

int subject_read(struct monitor *monitor, struct subject_reading *out)
{
	struct monitor_visitor visitor = { .context = out, .flow = visit_flow, .ledger = visit_ledger };
	struct monitor_reading reading;
	int err;

	*out = (struct subject_reading){ 0 };
	err = monitor_read(monitor, &visitor, &reading);
	out->duration_ns = reading.duration_ns;
	return err;
}

static bool load_with(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		      unsigned int parts, struct target *target, char reason[REASON_SIZE])
{
	struct monitor *monitor = open_with(set, room_for(set->flows), hook, parts, reason);

	if (!monitor)
		return false;
	*target = subject_target(monitor, hook);
	candidate->loaded = monitor;
	return true;
}

static bool subject_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
			 struct target *target, char reason[REASON_SIZE])
{
	return load_with(candidate, set, hook, ALL, target, reason);
}

static bool flows_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		       struct target *target, char reason[REASON_SIZE])
{
	return load_with(candidate, set, hook, 0, target, reason);
}

static bool bins_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		      struct target *target, char reason[REASON_SIZE])
{
	return load_with(candidate, set, hook, WITH_BINS, target, reason);
}

static bool rtt_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		     struct target *target, char reason[REASON_SIZE])
{
	return load_with(candidate, set, hook, WITH_RTT, target, reason);
}

static void subject_unload(struct candidate *candidate)
{
	candidate->loaded = monitor_close(candidate->loaded);
}

static uint64_t subject_counted(struct candidate *candidate)
{
	struct subject_reading reading;

	return subject_read(candidate->loaded, &reading) ? 0 : reading.packets;
}

const struct candidate_kind subject_kind = { subject_load, subject_unload, subject_counted };
const struct candidate_kind subject_flows_kind = { flows_load, subject_unload, subject_counted };
const struct candidate_kind subject_bins_kind = { bins_load, subject_unload, subject_counted };
const struct candidate_kind subject_rtt_kind = { rtt_load, subject_unload, subject_counted };
