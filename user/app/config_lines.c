/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON library's own parser is lenient (01 is a number, a string may hold a raw newline or be cut by \u0000) and its
 * error position is at times one off. This scanner is strict and says what was expected, so the library afterwards
 * only sees text that means the same to everybody.
 */
#include "app/config_lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
	struct config_lines *lines;
	const char *at, *end;
	unsigned int depth;
	char *error;
};

static int scan_value(struct scanner *scanner, const char *name);

unsigned int config_lines_number(const struct config_lines *lines, size_t offset)
{
	unsigned int line = 1;

	for (size_t i = 0; i < offset && i < lines->length; i++)
		line += lines->text[i] == '\n';
	return line;
}

/* Characters, not bytes: bytes that go on with a UTF-8 character do not count. */
static unsigned int column_number(const struct config_lines *lines, size_t offset)
{
	unsigned int column = 1;

	for (size_t i = offset; i > 0 && lines->text[i - 1] != '\n'; i--)
		column += ((unsigned char)lines->text[i - 1] & 0xc0) != 0x80;
	return column;
}

__attribute__((format(printf, 3, 4))) static int refuse(struct scanner *scanner, const char *at, const char *format,
							...)
{
	size_t offset = at - scanner->lines->text;
	va_list arguments;
	int used;

	used = snprintf(scanner->error, SYNTAX_ERROR_SIZE,
			"line %u, column %u: ", config_lines_number(scanner->lines, offset),
			column_number(scanner->lines, offset));
	va_start(arguments, format);
	vsnprintf(scanner->error + used, SYNTAX_ERROR_SIZE - used, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* What stands here, where `wanted` should. */
static int refuse_here(struct scanner *scanner, const char *wanted)
{
	unsigned char here;

	if (scanner->at == scanner->end)
		return refuse(scanner, scanner->at, "the text ends where %s should stand", wanted);
	here = *scanner->at;
	if (here == '/' || here == '#')
		return refuse(scanner, scanner->at, "'%c' where %s should stand: JSON has no comments", here, wanted);
	if (isgraph(here))
		return refuse(scanner, scanner->at, "'%c' where %s should stand", here, wanted);
	return refuse(scanner, scanner->at, "byte 0x%02x where %s should stand", here, wanted);
}

static void skip_space(struct scanner *scanner)
{
	while (scanner->at < scanner->end && *scanner->at && strchr(" \t\r\n", *scanner->at))
		scanner->at++;
}

static bool take(struct scanner *scanner, char c)
{
	if (scanner->at == scanner->end || *scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static int place_add(struct scanner *scanner, const char *name, size_t *index)
{
	struct config_lines *lines = scanner->lines;

	if (lines->count == lines->capacity) {
		size_t capacity = lines->capacity ? 2 * lines->capacity : 64;
		struct config_place *places = reallocarray(lines->places, capacity, sizeof(*places));

		if (!places)
			return -ENOMEM;
		lines->places = places;
		lines->capacity = capacity;
	}
	*index = lines->count++;
	lines->places[*index].value = scanner->at - lines->text;
	lines->places[*index].name = (name ? name : scanner->at) - lines->text;
	return 0;
}

/* The four digits of \uXXXX; -1 if they are not. */
static int scan_code_unit(struct scanner *scanner)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit;

		if (scanner->at == scanner->end || !*scanner->at)
			return -1;
		digit = strchr(digits, tolower((unsigned char)*scanner->at));
		if (!digit)
			return -1;
		unit = unit * 16 + (int)(digit - digits);
		scanner->at++;
	}
	return unit;
}

static int scan_escape(struct scanner *scanner)
{
	const char *start = scanner->at - 1;
	int unit, low;

	if (scanner->at == scanner->end)
		return refuse_here(scanner, "the rest of an escape");
	if (*scanner->at != 'u') {
		if (!*scanner->at || !strchr("\"\\/bfnrt", *scanner->at))
			return refuse(scanner, start, "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
		scanner->at++;
		return 0;
	}
	scanner->at++;
	unit = scan_code_unit(scanner);
	if (unit < 0)
		return refuse(scanner, start, "\\u needs four hexadecimal digits");
	if (unit == 0)
		return refuse(scanner, start, "\\u0000 may not stand in a configuration");
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	low = unit < 0xdc00 && take(scanner, '\\') && take(scanner, 'u') ? scan_code_unit(scanner) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(scanner, start, "half of a surrogate pair is no character");
	return 0;
}

static int scan_string(struct scanner *scanner, const char *wanted)
{
	const char *start = scanner->at;
	int status = 0;

	if (!take(scanner, '"')) {
		if (scanner->at < scanner->end && *scanner->at == '\'')
			return refuse(scanner, start, "strings stand in double quotes");
		return refuse_here(scanner, wanted);
	}
	while (!status && scanner->at < scanner->end && *scanner->at != '"') {
		unsigned char c = *scanner->at;

		if (c == '\n')
			return refuse(scanner, start,
				      "the string does not end on its line: a closing quote is missing");
		if (c < 0x20)
			return refuse(scanner, scanner->at, "byte 0x%02x in a string: write it as \\u%04x", c, c);
		scanner->at++;
		if (c == '\\')
			status = scan_escape(scanner);
	}
	if (!status && !take(scanner, '"'))
		status = refuse(scanner, start, "the string does not end: a closing quote is missing");
	return status;
}

static size_t scan_digits(struct scanner *scanner)
{
	const char *start = scanner->at;

	while (scanner->at < scanner->end && isdigit((unsigned char)*scanner->at))
		scanner->at++;
	return scanner->at - start;
}

static int scan_number(struct scanner *scanner)
{
	const char *start = scanner->at;

	take(scanner, '-');
	if (!take(scanner, '0') && !scan_digits(scanner))
		return refuse_here(scanner, "a digit");
	if (scanner->at < scanner->end && isalnum((unsigned char)*scanner->at) &&
	    tolower((unsigned char)*scanner->at) != 'e')
		return refuse(scanner, start, "numbers are decimal, without a leading zero");
	if (take(scanner, '.') && !scan_digits(scanner))
		return refuse_here(scanner, "a digit");
	if (take(scanner, 'e') || take(scanner, 'E')) {
		if (!take(scanner, '+'))
			take(scanner, '-');
		if (!scan_digits(scanner))
			return refuse_here(scanner, "a digit");
	}
	if (scanner->at - start > CONFIG_NUMBER_MAX)
		return refuse(scanner, start, "a number of over %d characters", CONFIG_NUMBER_MAX);
	return 0;
}

static int scan_word(struct scanner *scanner)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *start = scanner->at;
	size_t length = 0;

	while (start + length < scanner->end && (isalnum((unsigned char)start[length]) || start[length] == '_'))
		length++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == length && !memcmp(words[i], start, length)) {
			scanner->at += length;
			return 0;
		}
	if (!length)
		return refuse_here(scanner, "a value");
	return refuse(scanner, start,
		      "%.*s where a value should stand: strings stand in double quotes, true and false do not",
		      length > 32 ? 32 : (int)length, start);
}

static int scan_members(struct scanner *scanner)
{
	for (;;) {
		const char *name;
		int status;

		skip_space(scanner);
		name = scanner->at;
		status = scan_string(scanner, "a key in double quotes");
		if (status)
			return status;
		skip_space(scanner);
		if (!take(scanner, ':'))
			return refuse_here(scanner, "a colon after the key");
		skip_space(scanner);
		status = scan_value(scanner, name);
		if (status)
			return status;
		skip_space(scanner);
		if (take(scanner, '}'))
			return 0;
		if (!take(scanner, ','))
			return refuse_here(scanner, "a comma or }");
	}
}

static int scan_elements(struct scanner *scanner)
{
	for (;;) {
		int status;

		skip_space(scanner);
		status = scan_value(scanner, NULL);
		if (status)
			return status;
		skip_space(scanner);
		if (take(scanner, ']'))
			return 0;
		if (!take(scanner, ','))
			return refuse_here(scanner, "a comma or ]");
	}
}

static int scan_nested(struct scanner *scanner, char close, int (*scan)(struct scanner *scanner))
{
	int status = 0;

	if (++scanner->depth > CONFIG_DEPTH_MAX)
		return refuse(scanner, scanner->at, "over %d objects and arrays within each other", CONFIG_DEPTH_MAX);
	scanner->at++;
	skip_space(scanner);
	if (!take(scanner, close))
		status = scan(scanner);
	scanner->depth--;
	return status;
}

static int scan_value(struct scanner *scanner, const char *name)
{
	size_t index;
	int status = place_add(scanner, name, &index);

	if (status)
		return status;
	if (scanner->at == scanner->end)
		return refuse_here(scanner, "a value");
	if (*scanner->at == '{')
		status = scan_nested(scanner, '}', scan_members);
	else if (*scanner->at == '[')
		status = scan_nested(scanner, ']', scan_elements);
	else if (*scanner->at == '"' || *scanner->at == '\'')
		status = scan_string(scanner, "a value");
	else if (*scanner->at == '-' || isdigit((unsigned char)*scanner->at))
		status = scan_number(scanner);
	else
		status = scan_word(scanner);
	scanner->lines->places[index].end = scanner->at - scanner->lines->text;
	return status;
}

int config_lines_scan(struct config_lines *out, const char *text, size_t length, char error[SYNTAX_ERROR_SIZE])
{
	struct scanner scanner = { .lines = out, .at = text, .end = text + length, .error = error };
	int status;

	*out = (struct config_lines){ .text = text, .length = length };
	skip_space(&scanner);
	status = scan_value(&scanner, NULL);
	if (status)
		return status;
	skip_space(&scanner);
	return scanner.at == scanner.end ? 0 : refuse_here(&scanner, "the end of the text");
}

void config_lines_free(struct config_lines *lines)
{
	free(lines->places);
	*lines = (struct config_lines){ 0 };
}

/* Counts the values before `node` in the order of the text; true when it was found. */
static bool count_before(const cJSON *tree, const cJSON *node, size_t *count)
{
	if (tree == node)
		return true;
	(*count)++;
	for (const cJSON *child = tree->child; child; child = child->next)
		if (count_before(child, node, count))
			return true;
	return false;
}

const struct config_place *config_lines_find(const struct config_lines *lines, const cJSON *root, const cJSON *node)
{
	size_t index = 0;

	return count_before(root, node, &index) && index < lines->count ? &lines->places[index] : &lines->places[0];
}
