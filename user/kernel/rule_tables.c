/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's longest-prefix map gives one entry, the longest that covers an address. So each entry has to carry the
 * rules of all shorter prefixes that cover it as well: sorted by address and then by length, a prefix stands right
 * behind those that cover it, and takes over what the nearest of them holds.
 *
 * Ports are swept once: the rules that a port satisfies change only where a range begins or ends, and ports that
 * satisfy the same rules share a class.
 */
#include "kernel/rule_tables.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_OF_ANY (RULE_ENDS * 2) /* the /0 of each field and family */
#define PREFIX_DEPTH_MAX 129         /* /0 to /128 can nest */
#define CLASS_BUCKETS 4096           /* over RULE_PORT_CLASSES_MAX, so that a free one is soon met */
#define NO_RULE UINT32_MAX

_Static_assert(CLASS_BUCKETS > RULE_PORT_CLASSES_MAX, "a search for a class ends");

__attribute__((format(printf, 3, 4))) static int refuse(char *error, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, RULE_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return status;
}

static int refuse_memory(char *error)
{
	return refuse(error, -ENOMEM, "no memory for the tables of the rules");
}

static void set_bit(struct rule_bits *bits, size_t rule)
{
	bits->words[rule / 64] |= 1ULL << (rule % 64);
}

/* --- prefixes --- */

/* One address of one rule. Compared as bytes: set, field, family, zero and address, then the length. */
struct node {
	struct rule_prefix key;
	uint32_t rule;
};

static int compare_keys(const struct rule_prefix *a, const struct rule_prefix *b)
{
	size_t head = offsetof(struct rule_prefix, set);
	int order = memcmp((const char *)a + head, (const char *)b + head, sizeof(*a) - head);

	return order ? order : (a->prefix_length > b->prefix_length) - (a->prefix_length < b->prefix_length);
}

static int compare_nodes(const void *a, const void *b)
{
	return compare_keys(&((const struct node *)a)->key, &((const struct node *)b)->key);
}

static bool key_covers(const struct rule_prefix *prefix, const struct rule_prefix *key)
{
	const uint8_t *a = (const uint8_t *)prefix + offsetof(struct rule_prefix, set);
	const uint8_t *b = (const uint8_t *)key + offsetof(struct rule_prefix, set);
	unsigned int whole = prefix->prefix_length / 8, rest = prefix->prefix_length % 8;

	if (prefix->prefix_length > key->prefix_length || memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

static size_t gather_field(const struct rule *rule, uint32_t number, enum rule_field field, struct node *nodes)
{
	unsigned int count = rule->address_count[field];

	for (unsigned int i = 0; i < count; i++) {
		const struct rule_address *address = &rule->addresses[field][i];

		nodes[i].rule = number;
		nodes[i].key.prefix_length = 32U + address->prefix_length;
		nodes[i].key.field = (uint8_t)field;
		nodes[i].key.family = address->family;
		memcpy(nodes[i].key.address, address->bytes, sizeof(nodes[i].key.address));
	}
	return count;
}

/* The /0 of both families, which everything inherits from; for `rule`, or without one. */
static size_t gather_any(uint32_t number, enum rule_field field, struct node *nodes)
{
	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].rule = number;
		nodes[i].key.prefix_length = 32;
		nodes[i].key.field = (uint8_t)field;
		nodes[i].key.family = i ? 6 : 4;
	}
	return 2;
}

static size_t gather_nodes(const struct rule *rules, size_t count, struct node *nodes)
{
	size_t found = 0;

	for (unsigned int field = 0; field < RULE_ENDS; field++) {
		found += gather_any(NO_RULE, field, nodes + found);
		for (uint32_t i = 0; i < count; i++)
			if (rules[i].address_count[field])
				found += gather_field(&rules[i], i, field, nodes + found);
			else
				found += gather_any(i, field, nodes + found);
	}
	return found;
}

static size_t most_nodes(const struct rule *rules, size_t count)
{
	size_t most = NODES_OF_ANY + count * NODES_OF_ANY;

	for (size_t i = 0; i < count; i++)
		most += rules[i].address_count[RULE_SOURCE] + rules[i].address_count[RULE_DESTINATION];
	return most;
}

static size_t count_distinct(const struct node *nodes, size_t count)
{
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++)
		distinct += !i || compare_nodes(&nodes[i - 1], &nodes[i]);
	return distinct;
}

/* `covering` is the chain of prefixes around the current one, as indices, the shortest first. */
static void merge_nodes(const struct node *nodes, size_t count, struct rule_tables *tables)
{
	size_t covering[PREFIX_DEPTH_MAX], depth = 0;
	struct rule_table_prefix *prefix = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!prefix || compare_keys(&prefix->key, &nodes[i].key)) {
			prefix = &tables->prefixes[tables->prefix_count];
			prefix->key = nodes[i].key;
			while (depth && !key_covers(&tables->prefixes[covering[depth - 1]].key, &prefix->key))
				depth--;
			if (depth)
				prefix->bits = tables->prefixes[covering[depth - 1]].bits;
			covering[depth++] = tables->prefix_count++;
		}
		if (nodes[i].rule != NO_RULE)
			set_bit(&prefix->bits, nodes[i].rule);
	}
}

static int compile_prefixes(const struct rule *rules, size_t count, struct rule_tables *tables, char *error)
{
	struct node *nodes = calloc(most_nodes(rules, count), sizeof(*nodes));
	size_t found, distinct;
	int status = 0;

	if (!nodes)
		return refuse_memory(error);
	found = gather_nodes(rules, count, nodes);
	qsort(nodes, found, sizeof(*nodes), compare_nodes);
	distinct = count_distinct(nodes, found);
	if (distinct > RULE_PREFIXES_PER_SET) {
		status = refuse(
			error, -E2BIG,
			"the rules name %zu different addresses and prefixes, sources and destinations: at most %d would be right",
			distinct - NODES_OF_ANY, RULE_PREFIXES_PER_SET - NODES_OF_ANY);
		goto out;
	}
	tables->prefixes = calloc(distinct, sizeof(*tables->prefixes));
	if (!tables->prefixes) {
		status = refuse_memory(error);
		goto out;
	}
	merge_nodes(nodes, found, tables);
out:
	free(nodes);
	return status;
}

/* --- ports --- */

struct port_sweep {
	struct rule_bits flips[PORT_NUMBERS]; /* rules whose answer at this port differs from that at the port before */
	uint16_t buckets[CLASS_BUCKETS];      /* class + 1 by hash; 0: free */
};

static int compare_ranges(const void *a, const void *b)
{
	return (int)((const struct rule_port_range *)a)->low - (int)((const struct rule_port_range *)b)->low;
}

static void flip_range(struct port_sweep *sweep, size_t rule, unsigned int low, unsigned int high)
{
	set_bit(&sweep->flips[low], rule);
	if (high + 1 < PORT_NUMBERS)
		set_bit(&sweep->flips[high + 1], rule);
}

/* Ranges that touch or overlap become one: two flips at one port would have to undo each other. */
static void sweep_rule(struct port_sweep *sweep, const struct rule *rule, size_t number, enum rule_field field)
{
	struct rule_port_range ranges[RULE_ITEMS_MAX];
	unsigned int count = rule->port_count[field], low, high;

	if (!count) {
		flip_range(sweep, number, 0, PORT_NUMBERS - 1);
		return;
	}
	memcpy(ranges, rule->ports[field], count * sizeof(*ranges));
	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	low = ranges[0].low;
	high = ranges[0].high;
	for (unsigned int i = 1; i < count; i++) {
		if (ranges[i].low > high + 1) {
			flip_range(sweep, number, low, high);
			low = ranges[i].low;
		}
		high = ranges[i].high > high ? ranges[i].high : high;
	}
	flip_range(sweep, number, low, high);
}

static unsigned int hash_bits(const struct rule_bits *bits)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < RULE_WORDS; i++)
		hash = (hash ^ bits->words[i]) *
		       0x9e3779b97f4a7c15ULL; /* 2^64 over the golden ratio (Fibonacci hashing) */
	return (unsigned int)(hash >> 32) % CLASS_BUCKETS;
}

/* The class of these rules, a new one if need be; -E2BIG if there is no room for it. */
static int class_of(struct port_sweep *sweep, const struct rule_bits *bits, struct rule_bits *classes,
		    unsigned int *class_count)
{
	unsigned int bucket = hash_bits(bits);

	for (; sweep->buckets[bucket]; bucket = (bucket + 1) % CLASS_BUCKETS)
		if (!memcmp(&classes[sweep->buckets[bucket] - 1], bits, sizeof(*bits)))
			return sweep->buckets[bucket] - 1;
	if (*class_count == RULE_PORT_CLASSES_MAX)
		return -E2BIG;
	classes[*class_count] = *bits;
	sweep->buckets[bucket] = (uint16_t)++ * class_count;
	return (int)*class_count - 1;
}

static bool flips_any(const struct rule_bits *flips, struct rule_bits *bits)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < RULE_WORDS; i++) {
		bits->words[i] ^= flips->words[i];
		any |= flips->words[i];
	}
	return any;
}

static int sweep_ports(struct port_sweep *sweep, struct rule_tables *tables, enum rule_field field, char *error)
{
	struct rule_bits bits = { { 0 } };
	int class = -1;

	for (unsigned int port = 0; port < PORT_NUMBERS; port++) {
		if (flips_any(&sweep->flips[port], &bits) || class < 0)
			class = class_of(sweep, &bits, tables->class_bits[field], &tables->class_count[field]);
		if (class < 0)
			return refuse(
				error, class,
				"the rules divide the %s ports into more than %d classes: fewer overlapping port lists would be right",
				field == RULE_SOURCE ? "source" : "destination", RULE_PORT_CLASSES_MAX);
		tables->port_classes[field][port] = (uint32_t) class;
	}
	return 0;
}

static int compile_ports(const struct rule *rules, size_t count, struct rule_tables *tables, enum rule_field field,
			 char *error)
{
	struct port_sweep *sweep = calloc(1, sizeof(*sweep));
	int status;

	if (!sweep)
		return refuse_memory(error);
	for (size_t i = 0; i < count; i++)
		sweep_rule(sweep, &rules[i], i, field);
	status = sweep_ports(sweep, tables, field, error);
	free(sweep);
	return status;
}

/* --- protocols --- */

/* A rule that names ports wants no protocol without them, whatever it says of protocols. */
static void compile_protocols(const struct rule *rules, size_t count, struct rule_tables *tables)
{
	for (size_t i = 0; i < count; i++) {
		bool names_ports = rules[i].port_count[RULE_SOURCE] || rules[i].port_count[RULE_DESTINATION];

		for (unsigned int protocol = 0; protocol < 256; protocol++) {
			if (names_ports && !rule_protocol_has_ports((uint8_t)protocol))
				continue;
			if (!rules[i].protocol_count ||
			    memchr(rules[i].protocols, (int)protocol, rules[i].protocol_count))
				set_bit(&tables->protocol_bits[protocol], i);
		}
	}
}

int rule_tables_compile(const struct rule *rules, size_t count, struct rule_tables **out, char error[RULE_ERROR_SIZE])
{
	struct rule_tables *tables;
	int status;

	if (count > RULES_MAX)
		return refuse(error, -E2BIG, "%zu rules: at most %d would be right", count, RULES_MAX);
	tables = calloc(1, sizeof(*tables));
	if (!tables)
		return refuse_memory(error);
	status = compile_prefixes(rules, count, tables, error);
	for (unsigned int field = 0; !status && field < RULE_ENDS; field++)
		status = compile_ports(rules, count, tables, field, error);
	if (status) {
		rule_tables_free(tables);
		return status;
	}
	compile_protocols(rules, count, tables);
	*out = tables;
	return 0;
}

struct rule_tables *rule_tables_free(struct rule_tables *tables)
{
	if (tables) {
		free(tables->prefixes);
		free(tables);
	}
	return NULL;
}
