/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in the text of a configuration each value stands. The JSON library gives a tree without places, yet a user who
 * mistyped a value wants to know the line. So the text is walked once more, strictly, and the place of each value is
 * noted in the order of the text, which is the order of the tree.
 */
#ifndef FLOWGAUGE_CONFIG_LINES_H
#define FLOWGAUGE_CONFIG_LINES_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DEPTH_MAX 64  /* objects and arrays within each other */
#define CONFIG_NUMBER_MAX 60 /* characters of a number: the JSON library cuts longer ones */
#define SYNTAX_ERROR_SIZE 192

/* Byte offsets into the text. */
struct config_place {
	uint32_t name; /* of the member's name; the same as `value` for an element of an array */
	uint32_t value;
	uint32_t end;
};

struct config_lines {
	const char *text; /* borrowed */
	size_t length;
	struct config_place *places; /* owned; one a value, in the order of the text */
	size_t count, capacity;
};

/*
 * Checks that `text` is one JSON value (RFC 8259) and nothing else, and notes the places. 0, -ENOMEM, or -EINVAL with
 * "line L, column C: what is wrong and would be right" in `error`. To be freed in each case. `length` is under 4 GiB.
 */
int config_lines_scan(struct config_lines *out, const char *text, size_t length, char error[SYNTAX_ERROR_SIZE]);
void config_lines_free(struct config_lines *lines);

/* Place of `node` in the tree under `root`, which was made from the same text. */
const struct config_place *config_lines_find(const struct config_lines *lines, const cJSON *root, const cJSON *node);
/* Line of a byte offset, from 1. */
unsigned int config_lines_number(const struct config_lines *lines, size_t offset);

#endif
