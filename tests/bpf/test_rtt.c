/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversations through the real programs, both ways and with times that are told: which round trips come out of them. */
#include "rtt_packets.h"

#define US 1000ULL
#define MS 1000000ULL
#define SECOND 1000000000ULL
#define NOTHING   \
	{         \
		0 \
	}

#define FLOWS_ARE_FREED 'f' /* in the place of who sends */

/* One segment or message a line; `at` in us. */
enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

struct expected {
	uint64_t count[RTT_METHODS];
	uint64_t sum_us, min_us, last_us; /* of all methods together */
	uint64_t unmatched[RTT_METHODS], unasked[RTT_METHODS], skipped[RTT_METHODS];
};

struct conversation {
	const char *name;
	struct segment segments[12];
	struct expected expected;
};

static const struct conversation conversations[] = {
	{ "time stamps, both ways",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 500, 'a', ACK, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 1700, 'b', ACK, .seq = 1, .ack = 101, .tsval = 902, .tsecr = 102 } },
	  { { 3, 0, 0 }, 300 + 200 + 700, 200, 700, NOTHING, NOTHING, NOTHING } },
	{ "only the first packet of a TSval, and only the first echo of it",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 1200, 'a', ACK, .seq = 101, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 1700, 'b', ACK, .seq = 1, .ack = 101, .tsval = 902, .tsecr = 102 },
	    { 1900, 'b', ACK, .seq = 1, .ack = 201, .tsval = 902, .tsecr = 102 } },
	  { { 3, 0, 0 }, 300 + 700 + 700, 300, 700, NOTHING, NOTHING, NOTHING } },
	{ "a bare acknowledgement uses its TSval up",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 400, 'a', ACK, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
	    { 900, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 101, .tsecr = 900 },
	    { 1000, 'b', ACK, .seq = 1, .ack = 11, .tsval = 901, .tsecr = 101 } },
	  { { 2, 0, 0 }, 300 + 100, 100, 100, NOTHING, NOTHING, NOTHING } },
	{ "a repeat notes nothing",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 301000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 402, .tsecr = 900 },
	    { 301300, 'b', ACK, .seq = 1, .ack = 101, .tsval = 902, .tsecr = 402 } },
	  { { 2, 0, 0 }, 300 + 700, 300, 700, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "of the first packets of a connection that was there before nothing is noted",
	  { { 0, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 700, 'b', ACK, .seq = 1, .ack = 101, .bytes = 9, .tsval = 902, .tsecr = 102 },
	    { 1000, 'a', ACK, .seq = 101, .ack = 10, .bytes = 100, .tsval = 103, .tsecr = 902 },
	    { 1800, 'b', ACK, .seq = 10, .ack = 201, .tsval = 903, .tsecr = 103 },
	    { 2000, 'a', ACK, .seq = 201, .ack = 10, .bytes = 100, .tsval = 104, .tsecr = 903 },
	    { 2700, 'b', ACK, .seq = 10, .ack = 301, .tsval = 904, .tsecr = 104 } },
	  { { 1, 0, 0 }, 700, 700, 700, NOTHING, NOTHING, NOTHING } },
	{ "SYNs until one is answered, and nothing after it is missed",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 1000000, 'a', SYN, .seq = 0, .tsval = 1100 },
	    { 3000000, 'a', SYN, .seq = 0, .tsval = 3100 },
	    { 7000000, 'a', SYN, .seq = 0, .tsval = 7100 },
	    { 7000300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 7100 },
	    { 7000500, 'a', ACK, .seq = 1, .ack = 1, .tsval = 7101, .tsecr = 900 },
	    { 7001000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 7102, .tsecr = 900 },
	    { 7001700, 'b', ACK, .seq = 1, .ack = 101, .tsval = 902, .tsecr = 7102 } },
	  { { 2, 0, 0 }, 200 + 700, 200, 700, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "flows that were freed: an answer that was not looked at is not taken from a later one",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 500, 'a', ACK, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 100, .tsval = 102, .tsecr = 900 },
	    { 1700, 'b', ACK, .seq = 1, .ack = 101, .tsval = 902, .tsecr = 102 },
	    { .from = FLOWS_ARE_FREED },
	    { 9000, 'a', ACK | FIN, .seq = 101, .ack = 1, .tsval = 109, .tsecr = 902 },
	    { 9300, 'b', ACK, .seq = 1, .ack = 102, .tsval = 909, .tsecr = 109 },
	    { 2009000, 'b', ACK | FIN, .seq = 1, .ack = 102, .tsval = 2909, .tsecr = 109 },
	    { 2009200, 'a', ACK, .seq = 102, .ack = 2, .tsval = 2109, .tsecr = 2909 } },
	  { { 3, 0, 0 }, 300 + 200 + 700, 200, 700, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "flows that were freed: a TSval that was not looked at is not noted from a later segment",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 500, 'a', ACK, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
	    { 600, 'b', ACK, .seq = 1, .ack = 1, .tsval = 901, .tsecr = 101 },
	    { .from = FLOWS_ARE_FREED },
	    { 9000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 109, .tsecr = 901 },
	    { 9100, 'b', ACK, .seq = 1, .ack = 11, .tsval = 909, .tsecr = 109 },
	    { 9200, 'a', ACK, .seq = 11, .ack = 1, .bytes = 10, .tsval = 109, .tsecr = 909 },
	    { 9300, 'b', ACK, .seq = 1, .ack = 21, .bytes = 10, .tsval = 909, .tsecr = 109 },
	    { 9500, 'a', ACK, .seq = 21, .ack = 11, .tsval = 110, .tsecr = 909 } },
	  { { 2, 0, 0 }, 300 + 200, 200, 300, NOTHING, NOTHING, NOTHING } },
	{ "time stamps that turn over",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 0xffffffff },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 0x7fffffff, .tsecr = 0xffffffff },
	    { 500, 'a', ACK, .seq = 1, .ack = 1, .bytes = 9, .tsval = 1, .tsecr = 0x7fffffff },
	    { 900, 'b', ACK, .seq = 1, .ack = 10, .bytes = 9, .tsval = 0x80000001, .tsecr = 1 },
	    { 1400, 'a', ACK, .seq = 10, .ack = 10, .tsval = 2, .tsecr = 0x80000001 } },
	  { { 4, 0, 0 }, 300 + 200 + 400 + 500, 200, 500, NOTHING, NOTHING, NOTHING } },
	{ "more wait than there is room for; what a later echo passes over is given up",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 102, .tsecr = 900 },
	    { 2000, 'a', ACK, .seq = 11, .ack = 1, .bytes = 10, .tsval = 103, .tsecr = 900 },
	    { 3000, 'a', ACK, .seq = 21, .ack = 1, .bytes = 10, .tsval = 104, .tsecr = 900 },
	    { 9000, 'b', ACK, .seq = 1, .ack = 21, .tsval = 908, .tsecr = 103 },
	    { 9500, 'b', ACK, .seq = 1, .ack = 31, .tsval = 909, .tsecr = 104 } },
	  { { 3, 0, 0 }, 300 + 700 + 7000, 300, 7000, { 1, 0, 0 }, NOTHING, { 1, 0, 0 } } },
	{ "an answer after 10 s is none",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 102, .tsecr = 900 },
	    { 10001020, 'b', ACK, .seq = 1, .ack = 11, .tsval = 908, .tsecr = 102 } },
	  { { 2, 0, 0 }, 300 + 700, 300, 700, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "nor one after the clock has turned over",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 1000, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 102, .tsecr = 900 },
	    { 1000 + 68719476 + 737, 'b', ACK, .seq = 1, .ack = 11, .tsval = 908, .tsecr = 102 } },
	  { { 2, 0, 0 }, 300 + 700, 300, 700, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "handshake without time stamps",
	  { { 0, 'a', SYN, .seq = 0xffffffff },
	    { 250, 'b', SYN | ACK, .seq = 7, .ack = 0 },
	    { 350, 'a', ACK, .seq = 0, .ack = 8 },
	    { 500, 'a', ACK, .seq = 0, .ack = 8, .bytes = 10 },
	    { 900, 'b', ACK, .seq = 8, .ack = 10 } },
	  { { 0, 2, 0 }, 350, 100, 100, NOTHING, NOTHING, NOTHING } },
	{ "a SYN that was sent twice",
	  { { 0, 'a', SYN, .seq = 0 },
	    { 1000000, 'a', SYN, .seq = 0 },
	    { 1000300, 'b', SYN | ACK, .seq = 7, .ack = 1 },
	    { 1000400, 'a', ACK, .seq = 1, .ack = 8 } },
	  { { 0, 1, 0 }, 100, 100, 100, { 0, 1, 0 }, { 0, 1, 0 }, NOTHING } },
	{ "a SYN-ACK that was sent twice",
	  { { 0, 'a', SYN, .seq = 0 },
	    { 300, 'b', SYN | ACK, .seq = 7, .ack = 1 },
	    { 1000300, 'b', SYN | ACK, .seq = 7, .ack = 1 },
	    { 1000400, 'a', ACK, .seq = 1, .ack = 8 } },
	  { { 0, 1, 0 }, 300, 300, 300, { 0, 1, 0 }, { 0, 1, 0 }, NOTHING } },
	{ "the server takes no time stamps",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 7, .ack = 1 },
	    { 700, 'a', ACK, .seq = 1, .ack = 8 } },
	  { { 0, 2, 0 }, 700, 300, 400, NOTHING, NOTHING, NOTHING } },
	{ "a port is refused",
	  { { 0, 'a', SYN, .seq = 0 }, { 300, 'b', RST | ACK, .seq = 0, .ack = 1 } },
	  { NOTHING, 0, 0, 0, NOTHING, NOTHING, NOTHING } },
	{ "the ports are used again",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100 },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	    { 400, 'a', ACK | FIN, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
	    { 500, 'b', ACK | FIN, .seq = 1, .ack = 2, .tsval = 901, .tsecr = 101 },
	    { 600, 'a', SYN, .seq = 70000, .tsval = 50 },
	    { 1000, 'b', SYN | ACK, .seq = 5, .ack = 70001, .tsval = 40, .tsecr = 50 } },
	  { { 4, 0, 0 }, 300 + 100 + 100 + 400, 100, 400, { 1, 0, 0 }, NOTHING, NOTHING } },
	{ "the option behind others",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100, .layout = LAYOUT_SYN },
	    { 300, 'b', SYN | ACK, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100, .layout = LAYOUT_SYN },
	    { 500, 'a', ACK, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900, .layout = LAYOUT_LAST } },
	  { { 2, 0, 0 }, 500, 200, 200, NOTHING, NOTHING, NOTHING } },
	{ "options that lie are none",
	  { { 0, 'a', SYN, .seq = 0, .tsval = 100, .layout = LAYOUT_LYING },
	    { 300, 'b', SYN | ACK, .seq = 7, .ack = 1, .tsval = 900, .tsecr = 100, .layout = LAYOUT_LYING } },
	  { { 0, 1, 0 }, 300, 300, 300, NOTHING, NOTHING, NOTHING } },
	{ "echo",
	  { { 0, 'a', ECHO_REQUEST, .seq = 1 },
	    { 400, 'b', ECHO_REPLY, .seq = 1 },
	    { 1000, 'a', ECHO_REQUEST, .seq = 2 },
	    { 1700, 'b', ECHO_REPLY, .seq = 2 },
	    { 1800, 'b', ECHO_REPLY, .seq = 3 } },
	  { { 0, 0, 2 }, 1100, 400, 700, NOTHING, { 0, 0, 1 }, NOTHING } },
	{ "echo, lost and overtaken",
	  { { 0, 'a', ECHO_REQUEST, .seq = 1 },
	    { 1000, 'a', ECHO_REQUEST, .seq = 2 },
	    { 2000, 'a', ECHO_REQUEST, .seq = 3 },
	    { 2400, 'b', ECHO_REPLY, .seq = 2 },
	    { 3000, 'a', ECHO_REQUEST, .seq = 4 },
	    { 10003016, 'b', ECHO_REPLY, .seq = 4 } },
	  { { 0, 0, 1 }, 1400, 1400, 1400, { 0, 0, 2 }, { 0, 0, 1 }, { 0, 0, 1 } } },
	{ "echo requests that are alike",
	  { { 0, 'a', ECHO_REQUEST, .seq = 1 },
	    { 1000, 'a', ECHO_REQUEST, .seq = 1 },
	    { 1400, 'b', ECHO_REPLY, .seq = 1 },
	    { 2000, 'a', ECHO_REQUEST, .seq = 1 },
	    { 2400, 'b', ECHO_REPLY, .seq = 1 } },
	  { NOTHING, 0, 0, 0, { 0, 0, 1 }, { 0, 0, 1 }, NOTHING } },
	{ "echo requests that are lost give their places up",
	  { { 0, 'a', ECHO_REQUEST, .seq = 1 },
	    { 400, 'b', ECHO_REPLY, .seq = 1 },
	    { 1000000, 'a', ECHO_REQUEST, .seq = 2 },
	    { 2000000, 'a', ECHO_REQUEST, .seq = 3 },
	    { 2500000, 'a', ECHO_REQUEST, .seq = 4 },
	    { 2500400, 'b', ECHO_REPLY, .seq = 4 } },
	  { { 0, 0, 2 }, 800, 400, 400, { 0, 0, 2 }, NOTHING, NOTHING } },
	{ "echo both ways with the same id",
	  { { 0, 'a', ECHO_REQUEST, .seq = 1 },
	    { 100, 'b', ECHO_REQUEST, .seq = 1 },
	    { 400, 'b', ECHO_REPLY, .seq = 1 },
	    { 900, 'a', ECHO_REPLY, .seq = 1 } },
	  { { 0, 0, 2 }, 1200, 400, 800, NOTHING, NOTHING, NOTHING } },
};

static const char *const links[] = {
	"eth ip4", "eth ip6", "eth vlan:5 ip4", "eth vlan:5 vlan:6 ip6", "eth ip4+8", "eth ip6 hop dst",
};

struct sums {
	uint64_t count[RTT_METHODS], sum_ns, min_ns, last_ns;
	struct rtt_counts counts;
};

static void meet_pair(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct sums *sums = context;

	sums->count[key->method] += record->count;
	sums->sum_ns += record->sum_ns;
	if (!sums->min_ns || record->min_ns < sums->min_ns)
		sums->min_ns = record->min_ns;
}

static void check(const struct conversation *conversation, const char *link, const struct rig *rig,
		  const struct sums *sums)
{
	const struct expected *expected = &conversation->expected;
	bool right = sums->sum_ns == expected->sum_us * US && sums->min_ns == expected->min_us * US;

	for (int method = 0; method < RTT_METHODS; method++)
		right = right && sums->count[method] == expected->count[method] &&
			sums->counts.matched[method] == expected->count[method] &&
			sums->counts.unmatched[method] == expected->unmatched[method] &&
			sums->counts.unasked[method] == expected->unasked[method] &&
			sums->counts.skipped[method] == expected->skipped[method];
	if (right)
		return;
	for (int method = 0; method < RTT_METHODS; method++)
		fprintf(stderr, "method %d: %llu samples, unmatched %llu, unasked %llu, skipped %llu\n", method,
			(unsigned long long)sums->count[method], (unsigned long long)sums->counts.unmatched[method],
			(unsigned long long)sums->counts.unasked[method],
			(unsigned long long)sums->counts.skipped[method]);
	fail_msg("%s, %s, program %d: sum %llu ns, least %llu ns", conversation->name, link, rig->program[0],
		 (unsigned long long)sums->sum_ns, (unsigned long long)sums->min_ns);
}

static void free_flows(struct rig *rig)
{
	struct flow_record record;
	struct flow_key key;

	while (!programs_take_flow(&rig->programs, &key, &record))
		;
}

static void converse(struct rig *rig, const struct conversation *conversation, const char *link, enum program there,
		     enum program back)
{
	struct sums sums = { 0 };
	struct rtt_visitor visitor = { .context = &sums, .pair = meet_pair };

	rig_empty(rig);
	rig->program[0] = there;
	rig->program[1] = back;
	for (size_t i = 0; i < sizeof(conversation->segments) / sizeof(*conversation->segments); i++)
		if (conversation->segments[i].from == FLOWS_ARE_FREED)
			free_flows(rig);
		else if (conversation->segments[i].from)
			rig_send(rig, link, &conversation->segments[i]);
	assert_int_equal(rtt_read(rig->rtt, 0, &visitor, &sums.counts), 0);
	check(conversation, link, rig, &sums);
}

/* Each way to see both directions, and each way the packets may be wrapped. */
static void conversations_are_timed(void **state)
{
	const struct rtt_config config = { .enabled = true, .max_flows = 64, .max_pairs = 16 };
	const size_t count = sizeof(conversations) / sizeof(*conversations);
	struct rig rig;

	(void)state;
	rig_open(&rig, &config);
	for (size_t i = 0; i < count; i++) {
		converse(&rig, &conversations[i], links[0], PROGRAM_OUT, PROGRAM_IN);
		converse(&rig, &conversations[i], links[0], PROGRAM_XDP, PROGRAM_XDP);
	}
	for (size_t i = 1; i < sizeof(links) / sizeof(*links); i++) {
		converse(&rig, &conversations[0], links[i], PROGRAM_IN, PROGRAM_IN);
		converse(&rig, &conversations[0], links[i], PROGRAM_OUT, PROGRAM_XDP);
		converse(&rig, &conversations[count - 1], links[i], PROGRAM_OUT, PROGRAM_XDP);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_are_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
