/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiled tables against the obvious judgement: thousands of random rules and flows, looked up as the programs do
 * (longest prefix of each end, class of each port, protocol, AND), must agree on every single rule.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/rule_tables.h"

#define ROUNDS 60
#define KEYS_PER_ROUND 400

static unsigned int below(unsigned int limit)
{
	return (unsigned int)random() % limit;
}

/* --- as the programs do --- */

static bool covers(const struct rule_prefix *prefix, const struct rule_prefix *key)
{
	const uint8_t *a = (const uint8_t *)prefix + 4, *b = (const uint8_t *)key + 4;

	for (unsigned int bit = 0; bit < prefix->prefix_length; bit++)
		if ((a[bit / 8] ^ b[bit / 8]) & (0x80 >> (bit % 8)))
			return false;
	return true;
}

static const struct rule_bits *longest_prefix(const struct rule_tables *tables, uint8_t field,
					      const struct flow_key *key)
{
	struct rule_prefix wanted = { .field = field, .family = key->family };
	const struct rule_table_prefix *best = NULL;

	memcpy(wanted.address, field == RULE_SOURCE ? key->src : key->dst, sizeof(wanted.address));
	for (size_t i = 0; i < tables->prefix_count; i++)
		if (covers(&tables->prefixes[i].key, &wanted) &&
		    (!best || tables->prefixes[i].key.prefix_length > best->key.prefix_length))
			best = &tables->prefixes[i];
	assert_non_null(best);
	return &best->bits;
}

static const struct rule_bits *port_bits(const struct rule_tables *tables, unsigned int field, __be16 port)
{
	uint32_t class = tables->port_classes[field][ntohs(port)];

	assert_true(class < tables->class_count[field]);
	return &tables->class_bits[field][class];
}

static struct rule_bits judge(const struct rule_tables *tables, const struct flow_key *key)
{
	const struct rule_bits *source = longest_prefix(tables, RULE_SOURCE, key);
	const struct rule_bits *destination = longest_prefix(tables, RULE_DESTINATION, key);
	const struct rule_bits *sport = port_bits(tables, RULE_SOURCE, key->sport);
	const struct rule_bits *dport = port_bits(tables, RULE_DESTINATION, key->dport);
	const struct rule_bits *protocol = &tables->protocol_bits[key->protocol];
	struct rule_bits wanted;

	for (unsigned int i = 0; i < RULE_WORDS; i++)
		wanted.words[i] = source->words[i] & destination->words[i] & sport->words[i] & dport->words[i] &
				  protocol->words[i];
	return wanted;
}

/* --- random rules and flows, close enough to each other to meet --- */

static struct rule_address random_address(void)
{
	struct rule_address address = { .family = below(2) ? 4 : 6 };
	unsigned int bits = address.family == 4 ? 32 : 128;

	address.prefix_length = (uint8_t)(below(4) ? below(bits + 1) : bits);
	/* Few addresses differ in few places, so that prefixes nest and coincide. */
	address.bytes[0] = (uint8_t)(below(8) ? 10 : below(256));
	address.bytes[1] = (uint8_t)below(4);
	address.bytes[3] = (uint8_t)below(256);
	if (address.family == 6)
		address.bytes[15] = (uint8_t)below(8);
	for (unsigned int bit = address.prefix_length; bit < 128; bit++)
		address.bytes[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
	return address;
}

static struct rule_port_range random_ports(void)
{
	static const uint16_t edges[] = { 0, 1, 65534, 65535 };
	uint16_t low = (uint16_t)(below(8) ? below(200) : edges[below(4)]);
	uint16_t length = (uint16_t)(below(3) ? 0 : below(100));

	return (struct rule_port_range){ low, low > UINT16_MAX - length ? UINT16_MAX : (uint16_t)(low + length) };
}

static uint8_t random_protocol(void)
{
	static const uint8_t usual[] = { 6, 17, 132, 1, 58, 47 };

	return below(8) ? usual[below(sizeof(usual))] : (uint8_t)below(256);
}

/* Mostly any, or a few; now and then a full list. */
static unsigned int random_count(unsigned int most)
{
	if (below(2))
		return 0;
	return below(50) ? 1 + below(4) : most;
}

static void random_rule(struct rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	for (unsigned int field = 0; field < RULE_ENDS; field++) {
		rule->address_count[field] = random_count(8);
		for (unsigned int i = 0; i < rule->address_count[field]; i++)
			rule->addresses[field][i] = random_address();
		rule->port_count[field] = random_count(RULE_ITEMS_MAX);
		for (unsigned int i = 0; i < rule->port_count[field]; i++)
			rule->ports[field][i] = random_ports();
	}
	rule->protocol_count = random_count(RULE_ITEMS_MAX);
	for (unsigned int i = 0; i < rule->protocol_count; i++)
		rule->protocols[i] = random_protocol();
}

/* An address or port that the rule names, or one next to it, more often than not. */
static void random_end(const struct rule *rule, unsigned int field, uint8_t family, __be32 address[4], __be16 *port)
{
	struct rule_address near = random_address();

	if (rule->address_count[field] && below(4))
		near = rule->addresses[field][below(rule->address_count[field])];
	if (below(2))
		near.bytes[below(16)] ^= (uint8_t)(1 << below(8));
	memset(address, 0, 16);
	memcpy(address, near.bytes, family == 4 ? 4 : 16);
	*port = htons(random_ports().low);
	if (rule->port_count[field] && below(4)) {
		const struct rule_port_range *range = &rule->ports[field][below(rule->port_count[field])];

		*port = htons((uint16_t)((below(2) ? range->low : range->high) + below(3) - 1));
	}
}

static struct flow_key random_key(const struct rule *rule)
{
	struct flow_key key = { .family = below(2) ? 4 : 6 };

	random_end(rule, RULE_SOURCE, key.family, key.src, &key.sport);
	random_end(rule, RULE_DESTINATION, key.family, key.dst, &key.dport);
	key.protocol = random_protocol();
	if (rule->protocol_count && below(4))
		key.protocol = rule->protocols[below(rule->protocol_count)];
	/* The parser leaves ports out where a protocol has none. */
	if (!rule_protocol_has_ports(key.protocol))
		key.sport = key.dport = 0;
	return key;
}

/* --- tests --- */

static struct rule_tables *compile(const struct rule *rules, size_t count)
{
	char error[RULE_ERROR_SIZE] = "";
	struct rule_tables *tables = NULL;

	if (rule_tables_compile(rules, count, &tables, error))
		fail_msg("refused: %s", error);
	return tables;
}

static unsigned int compare_round(const struct rule *rules, size_t count)
{
	struct rule_tables *tables = compile(rules, count);
	unsigned int matches = 0;

	for (unsigned int i = 0; i < KEYS_PER_ROUND; i++) {
		struct flow_key key = random_key(&rules[below((unsigned int)count)]);
		struct rule_bits judged = judge(tables, &key);

		for (size_t rule = 0; rule < RULES_MAX; rule++) {
			bool wanted = rule < count && rule_matches(&rules[rule], &key);

			if (wanted != ((judged.words[rule / 64] >> (rule % 64)) & 1))
				fail_msg("rule %zu of %zu and key %u: the tables say %d", rule, count, i, !wanted);
			matches += wanted;
		}
	}
	rule_tables_free(tables);
	return matches;
}

static void test_tables_agree_with_rules(void **state)
{
	static const size_t counts[] = { 1, 2, 16, 63, 64, 65, 256, RULES_MAX };
	unsigned int seed = getenv("SEED") ? (unsigned int)strtoul(getenv("SEED"), NULL, 10) : (unsigned int)time(NULL);
	struct rule *rules = calloc(RULES_MAX, sizeof(*rules));
	unsigned int matches = 0, judgements = 0;

	(void)state;
	assert_non_null(rules);
	print_message("seed %u (SEED=%u repeats it)\n", seed, seed);
	srandom(seed);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		size_t count = counts[round % (sizeof(counts) / sizeof(counts[0]))];

		for (size_t i = 0; i < count; i++)
			random_rule(&rules[i]);
		matches += compare_round(rules, count);
		judgements += (unsigned int)count * KEYS_PER_ROUND;
	}
	/* Rules that never or always match would prove nothing. */
	assert_true(matches > judgements / 1000);
	assert_true(matches < judgements / 2);
	free(rules);
}

static void test_no_rules(void **state)
{
	struct rule_tables *tables = compile(NULL, 0);

	(void)state;
	assert_int_equal(tables->prefix_count, 4);
	assert_int_equal(tables->class_count[RULE_SOURCE], 1);
	assert_int_equal(tables->class_count[RULE_DESTINATION], 1);
	rule_tables_free(tables);
	assert_null(rule_tables_free(NULL));
}

/* What a longer prefix takes over from the shorter ones around it, by hand. */
static void test_nested_prefixes(void **state)
{
	static const char *const texts[] = {
		"10.0.0.0/8 - - - -", "10.1.0.0/16 - - - -", "10.1.2.3 - - - -", "10.2.0.0/16 - - - -",
		"- - - - -",          "0.0.0.0/0 - - - -",   "::/0 - - - -",
	};
	static const struct {
		const char *address;
		uint64_t rules;
	} rows[] = {
		{ "10.1.2.3", 0x37 }, { "10.1.2.4", 0x33 }, { "10.2.2.3", 0x39 },
		{ "10.3.0.0", 0x31 }, { "11.1.2.3", 0x30 }, { "::1", 0x50 },
	};
	struct rule rules[sizeof(texts) / sizeof(texts[0])];
	char error[RULE_ERROR_SIZE];
	struct rule_tables *tables;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(rule_parse(texts[i], &rules[i], error), 0);
	tables = compile(rules, sizeof(texts) / sizeof(texts[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_key key = { .family = strchr(rows[i].address, ':') ? 6 : 4, .protocol = 6 };

		assert_int_equal(inet_pton(key.family == 4 ? AF_INET : AF_INET6, rows[i].address, key.src), 1);
		assert_int_equal(judge(tables, &key).words[0], rows[i].rules);
	}
	rule_tables_free(tables);
}

static void assert_refused(const struct rule *rules, size_t count, const char *message)
{
	struct rule_tables *tables = NULL;
	char error[RULE_ERROR_SIZE] = "";

	assert_int_equal(rule_tables_compile(rules, count, &tables, error), -E2BIG);
	assert_string_equal(error, message);
	assert_null(tables);
}

static void test_too_many_rules(void **state)
{
	struct rule *rules = calloc(RULES_MAX + 1, sizeof(*rules));

	(void)state;
	assert_non_null(rules);
	rule_tables_free(compile(rules, RULES_MAX));
	assert_refused(rules, RULES_MAX + 1, "513 rules: at most 512 would be right");
	free(rules);
}

static void test_too_many_prefixes(void **state)
{
	size_t most = RULE_PREFIXES_PER_SET - 4, count = RULE_PREFIXES_PER_SET / RULE_ITEMS_MAX;
	struct rule *rules = calloc(count, sizeof(*rules));
	struct rule_tables *tables;

	(void)state;
	assert_non_null(rules);
	for (unsigned int i = 0; i < most; i++) {
		struct rule *rule = &rules[i / RULE_ITEMS_MAX];

		rule->addresses[RULE_SOURCE][rule->address_count[RULE_SOURCE]++] =
			(struct rule_address){ 4, 32, { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
	}
	tables = compile(rules, count);
	assert_int_equal(tables->prefix_count, RULE_PREFIXES_PER_SET);
	rule_tables_free(tables);

	/* An address that is there already costs nothing; another one is one too many. */
	rules[count - 1].addresses[RULE_SOURCE][rules[count - 1].address_count[RULE_SOURCE]++] =
		rules[0].addresses[RULE_SOURCE][0];
	rule_tables_free(compile(rules, count));
	rules[0].addresses[RULE_DESTINATION][rules[0].address_count[RULE_DESTINATION]++] =
		(struct rule_address){ 4, 32, { 10, 0, 0, 0 } };
	assert_refused(
		rules, count,
		"the rules name 4093 different addresses and prefixes, sources and destinations: at most 4092 would be right");
	free(rules);
}

/* Each pair of rules shares one port of its own, which is a class of its own; the ports of no rule are one more. */
static size_t pair_ports(struct rule *rules, unsigned int field, unsigned int pairs)
{
	unsigned int made = 0;

	for (unsigned int second = 1; second <= RULE_ITEMS_MAX; second++)
		for (unsigned int first = 0; first < second && made < pairs; first++, made++) {
			struct rule_port_range port = { (uint16_t)(1 + made), (uint16_t)(1 + made) };

			rules[first].ports[field][rules[first].port_count[field]++] = port;
			rules[second].ports[field][rules[second].port_count[field]++] = port;
		}
	assert_int_equal(made, pairs);
	return RULE_ITEMS_MAX + 1;
}

static void test_too_many_port_classes(void **state)
{
	static const char *const messages[RULE_ENDS] = {
		"the rules divide the source ports into more than 2048 classes: fewer overlapping port lists would be right",
		"the rules divide the destination ports into more than 2048 classes: fewer overlapping port lists would be right",
	};
	struct rule *rules = calloc(RULE_ITEMS_MAX + 1, sizeof(*rules));

	(void)state;
	assert_non_null(rules);
	for (unsigned int field = 0; field < RULE_ENDS; field++) {
		struct rule_tables *tables;
		size_t count;

		memset(rules, 0, (RULE_ITEMS_MAX + 1) * sizeof(*rules));
		count = pair_ports(rules, field, RULE_PORT_CLASSES_MAX - 1);
		tables = compile(rules, count);
		assert_int_equal(tables->class_count[field], RULE_PORT_CLASSES_MAX);
		rule_tables_free(tables);
		memset(rules, 0, (RULE_ITEMS_MAX + 1) * sizeof(*rules));
		count = pair_ports(rules, field, RULE_PORT_CLASSES_MAX);
		assert_refused(rules, count, messages[field]);
	}
	free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_agree_with_rules), cmocka_unit_test(test_no_rules),
		cmocka_unit_test(test_nested_prefixes),         cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_too_many_prefixes),       cmocka_unit_test(test_too_many_port_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
