/* SPDX-License-Identifier: BSD-2-Clause */
/* The growing string: what is appended stands there, and a failure is remembered until the text is emptied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define PIECES 2000

static void appends_stand_in_order(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_append(&text, "flows ");
	text_append_bytes(&text, "\0x", 2);
	text_append_char(&text, '{');
	text_append_u64(&text, UINT64_MAX);
	text_append(&text, "");
	text_append_char(&text, ' ');
	text_append_double(&text, -0.25);
	text_appendf(&text, " %s=%d}", "ttl", 64);
	assert_false(text.failed);
	assert_int_equal(text.length, 43);
	assert_memory_equal(text.bytes, "flows \0x{18446744073709551615 -0.25 ttl=64}", 44);
	text_free(&text);
}

/* Against plain concatenation, over every capacity that growing passes through. */
static void grows_without_a_seam(void **state)
{
	struct text text = TEXT_EMPTY;
	char *expected = test_calloc(PIECES, 8);
	size_t length = 0;

	(void)state;
	for (unsigned int i = 0; i < PIECES; i++) {
		char piece[8];

		length += (size_t)sprintf(expected + length, "%u,", i);
		snprintf(piece, sizeof(piece), "%u,", i);
		if (i % 2)
			text_append(&text, piece);
		else
			text_appendf(&text, "%s", piece);
		assert_int_equal(text.length, length);
		assert_string_equal(text.bytes, expected);
	}
	test_free(expected);
	text_free(&text);
}

/* A print that just fits, and one that just does not. */
static void appendf_grows_at_the_edge(void **state)
{
	(void)state;
	for (int width = 200; width < 300; width++) {
		struct text text = TEXT_EMPTY;

		text_append(&text, "x");
		text_appendf(&text, "%*d", width, 7);
		assert_false(text.failed);
		assert_int_equal(text.length, width + 1);
		assert_int_equal(strlen(text.bytes), width + 1);
		assert_int_equal(text.bytes[width], '7');
		text_free(&text);
	}
}

static void clear_keeps_the_memory(void **state)
{
	struct text text = TEXT_EMPTY;
	char *before;

	(void)state;
	text_clear(&text);
	assert_null(text.bytes);
	text_append(&text, "one");
	before = text.bytes;
	text_clear(&text);
	assert_int_equal(text.length, 0);
	assert_string_equal(text.bytes, "");
	text_append(&text, "two");
	assert_ptr_equal(text.bytes, before);
	assert_string_equal(text.bytes, "two");
	text_free(&text);
	assert_null(text.bytes);
	assert_int_equal(text.capacity, 0);
}

static void stealing_empties(void **state)
{
	struct text text = TEXT_EMPTY;
	char *bytes = text_steal(&text);

	(void)state;
	assert_string_equal(bytes, "");
	free(bytes);
	text_append(&text, "mine");
	bytes = text_steal(&text);
	assert_string_equal(bytes, "mine");
	assert_null(text.bytes);
	assert_int_equal(text.length, 0);
	assert_int_equal(text.capacity, 0);
	free(bytes);
}

/* More than there is: the first because the sum wraps, the second because no power of two holds it. */
static void failure_is_remembered(void **state)
{
	static const size_t too_long[] = { SIZE_MAX, SIZE_MAX / 2 + 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(too_long) / sizeof(too_long[0]); i++) {
		struct text text = TEXT_EMPTY;

		text_append(&text, "kept");
		text_append_bytes(&text, "", too_long[i]);
		assert_true(text.failed);
		text_append(&text, "x");
		text_append_char(&text, 'x');
		text_append_u64(&text, 1);
		text_append_double(&text, 1);
		text_appendf(&text, "%d", 1);
		assert_true(text.failed);
		assert_string_equal(text.bytes, "kept");
		assert_int_equal(text.length, 4);
		assert_null(text_steal(&text));
		assert_false(text.failed);
		text_append_bytes(&text, "", too_long[i]);
		assert_true(text.failed);
		text_clear(&text);
		assert_false(text.failed);
		text_append(&text, "again");
		assert_string_equal(text.bytes, "again");
		text_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_stand_in_order),    cmocka_unit_test(grows_without_a_seam),
		cmocka_unit_test(appendf_grows_at_the_edge), cmocka_unit_test(clear_keeps_the_memory),
		cmocka_unit_test(stealing_empties),          cmocka_unit_test(failure_is_remembered),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
