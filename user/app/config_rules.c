/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RULES, and where sequence numbers are: PATTERN and OFFSET.
 *
 * The programs search a payload for one byte of the pattern and compare the rest only where it stands. So that byte
 * should be one that payloads seldom hold: see commonness().
 */
#include "app/config_reading.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#define PATTERN_RIGHT "a hexadecimal string of 1 to 8 bytes such as \"0x0a1b2c3d\", or \"0xFFFFFFFF\" for off"
#define RULE_NAME_SIZE 64

/* The origin's word for "no pattern". */
static bool pattern_is_off(const uint8_t *bytes, unsigned int length)
{
	static const uint8_t off[] = { 0xff, 0xff, 0xff, 0xff };

	return length == sizeof(off) && !memcmp(bytes, off, sizeof(off));
}

/*
 * How common a byte is in what networks carry, coarsely. Encrypted and compressed payloads hold all bytes alike, so the
 * order comes from the others: zeros are padding and the high bytes of small numbers; 0xff is -1 and padding; 1 to 8
 * are small numbers, lengths and flags; text is mostly blanks, digits and small letters. Beyond 0x80 stand the
 * characters of UTF-8, but 0xc0, 0xc1 and 0xf5 to 0xfe are no part of it.
 */
static unsigned int commonness(uint8_t byte)
{
	if (byte == 0x00)
		return 8;
	if (byte == 0xff)
		return 7;
	if (byte == ' ' || byte == 'e')
		return 6;
	if (byte <= 0x08 || byte == '\t' || byte == '\n' || byte == '\r')
		return 5;
	if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z'))
		return 4;
	if (byte >= 0x20 && byte < 0x7f)
		return 3;
	if (byte < 0x20)
		return 2;
	if (byte == 0xc0 || byte == 0xc1 || byte >= 0xf5)
		return 0;
	return 1;
}

static unsigned int rarest(const uint8_t *bytes, unsigned int length)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < length; i++)
		if (commonness(bytes[i]) < commonness(bytes[best]))
			best = i;
	return best;
}

int config_read_pattern(struct config_reading *reading, const char *key, const cJSON *node)
{
	uint8_t bytes[PATTERN_MAX_LENGTH];
	unsigned int length = 0;

	if (!cJSON_IsString(node) || number_parse_hex(node->valuestring, bytes, sizeof(bytes), &length) || !length)
		return config_refuse_value(reading, node, key, PATTERN_RIGHT);
	reading->pattern_node = node;
	reading->pattern_length = pattern_is_off(bytes, length) ? 0 : length;
	memcpy(reading->pattern, bytes, reading->pattern_length);
	return 0;
}

int config_read_offset(struct config_reading *reading, const char *key, const cJSON *node)
{
	char right[64];

	if (cJSON_IsNumber(node) && node->valuedouble >= -1 && node->valuedouble <= SEQUENCE_OFFSET_MAX &&
	    floor(node->valuedouble) == node->valuedouble) {
		reading->offset = (int64_t)node->valuedouble;
		return 0;
	}
	snprintf(right, sizeof(right), "a whole number of 0 to %d, or -1 for off", SEQUENCE_OFFSET_MAX);
	return config_refuse_value(reading, node, key, right);
}

void config_begin_sequence(struct config_reading *reading)
{
	const struct program_constants *constants = &reading->config->constants;

	reading->offset = constants->sequence_mode == SEQUENCE_OFF ? -1 : (int64_t)constants->sequence_offset;
	if (constants->sequence_mode == SEQUENCE_AT_PATTERN) {
		reading->pattern_length = constants->pattern_length;
		memcpy(reading->pattern, &constants->pattern, sizeof(reading->pattern));
	}
}

int config_finish_sequence(struct config_reading *reading)
{
	struct program_constants *constants = &reading->config->constants;
	unsigned int length = reading->pattern_length;
	uint8_t ones[PATTERN_MAX_LENGTH];

	if (length && reading->offset < 0)
		return config_refuse_at(reading, reading->pattern_node ? reading->pattern_node : reading->root,
					"PATTERN",
					"needs an OFFSET of 0 to %d: bytes from the match's start to the number",
					SEQUENCE_OFFSET_MAX);
	constants->sequence_mode = length              ? SEQUENCE_AT_PATTERN :
				   reading->offset < 0 ? SEQUENCE_OFF :
							 SEQUENCE_AT_OFFSET;
	constants->sequence_offset = reading->offset < 0 ? 0 : (uint32_t)reading->offset;
	/* In the order of the bytes in the packet: the programs compare with 8 bytes as they lie there. */
	memset(ones, 0xff, sizeof(ones));
	constants->pattern = 0;
	constants->pattern_mask = 0;
	memcpy(&constants->pattern, reading->pattern, length);
	memcpy(&constants->pattern_mask, ones, length);
	constants->pattern_length = length;
	constants->pattern_rare = rarest(reading->pattern, length);
	return 0;
}

static int read_rule(struct config_reading *reading, const cJSON *node, const char *name, struct rule *out)
{
	char why[RULE_ERROR_SIZE], quote[QUOTE_SIZE];

	if (!cJSON_IsString(node))
		return config_refuse_value(reading, node, name, "a rule: a string \"SRC DST SPORT DPORT PROTO\"");
	if (!rule_parse(node->valuestring, out, why))
		return 0;
	config_quote(reading, node, quote);
	return config_refuse_at(reading, node, name, "%s: %s", quote, why);
}

int config_read_rules(struct config_reading *reading, const char *key, const cJSON *node)
{
	size_t count = cJSON_GetArraySize(node), index = 0;
	struct rule *rules;

	if (!cJSON_IsArray(node) && !cJSON_IsObject(node))
		return config_refuse_value(reading, node, key, "an array of rules such as [\"- - - 443 TCP\"]");
	if (count > RULES_MAX)
		return config_refuse_at(reading, node, key, "%zu rules: at most %d are possible", count, RULES_MAX);
	rules = calloc(count ? count : 1, sizeof(*rules));
	if (!rules)
		return config_refuse(reading, "no memory for %zu rules", count);
	/* The copy owns them from here on, so that a refusal frees them, too. */
	reading->config->rules = rules;
	reading->config->rule_count = count;
	reading->rules_read = true;
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char name[RULE_NAME_SIZE];
		int status = 0;

		if (cJSON_IsObject(node)) {
			snprintf(name, sizeof(name), "%s.%.*s", key, RULE_NAME_SIZE - 8, item->string);
			status = config_refuse_twice(reading, node, item, name);
		} else {
			snprintf(name, sizeof(name), "%s[%zu]", key, index);
		}
		if (!status)
			status = read_rule(reading, item, name, &rules[index]);
		if (status)
			return status;
	}
	return 0;
}
