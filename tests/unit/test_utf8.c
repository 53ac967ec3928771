/* SPDX-License-Identifier: BSD-2-Clause */
/* Every code point is a character of its length; every other sequence is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int encode(uint32_t point, char out[5])
{
	unsigned int length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (unsigned int i = length - 1; i; i--, point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)(leads[length] | point);
	out[length] = '\0';
	return length;
}

static void all_code_points(void **state)
{
	(void)state;
	for (uint32_t point = 1; point < 0x120000; point++) {
		bool surrogate = point >= 0xd800 && point <= 0xdfff;
		char bytes[5];
		unsigned int length = encode(point, bytes);

		if (utf8_length(bytes) != (surrogate || point > 0x10ffff ? 0 : length))
			fail_msg("U+%04X is taken for %u bytes", point, utf8_length(bytes));
	}
}

static void what_is_no_character(void **state)
{
	static const char *const cases[] = {
		"",
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2x",
		"\xc2\xc2",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2x",
		"\xe2\x82x",
		"\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf0\x9f\x98x",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (utf8_length(cases[i]) != 0)
			fail_msg("case %zu is taken for %u bytes", i, utf8_length(cases[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_code_points),
		cmocka_unit_test(what_is_no_character),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
