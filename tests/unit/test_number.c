/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers from text: what is taken, what is refused, and that a refusal leaves the target alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED 4711
#define HEX_CAPACITY 4

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t low, high;
		int result;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0, 0, 0 },
		{ "7", 0, UINT64_MAX, 0, 7 },
		{ "007", 0, 10, 0, 7 },
		{ "65535", 1, 65535, 0, 65535 },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, -EINVAL, 0 },
		{ "18446744073709551620", 0, UINT64_MAX, -EINVAL, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0", 1, 65535, -EINVAL, 0 },
		{ "65536", 1, 65535, -EINVAL, 0 },
		{ "", 0, 10, -EINVAL, 0 },
		{ NULL, 0, 10, -EINVAL, 0 },
		{ "-1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "+1", 0, 10, -EINVAL, 0 },
		{ " 1", 0, 10, -EINVAL, 0 },
		{ "1 ", 0, 10, -EINVAL, 0 },
		{ "1x", 0, 10, -EINVAL, 0 },
		{ "0x1", 0, 10, -EINVAL, 0 },
		{ "1.0", 0, 10, -EINVAL, 0 },
		{ "1e1", 0, 10, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = UNTOUCHED;

		assert_int_equal(number_parse_u64(cases[i].text, cases[i].low, cases[i].high, &value), cases[i].result);
		assert_int_equal(value, cases[i].result ? UNTOUCHED : cases[i].value);
	}
}

static void fractions(void **state)
{
	static const struct {
		const char *text;
		double low, high;
		int result;
		double value;
	} cases[] = {
		{ "0", 0, 1, 0, 0 },
		{ "0.1", 0.1, 3600, 0, 0.1 },
		{ "3600", 0.1, 3600, 0, 3600 },
		{ ".5", 0, 1, 0, 0.5 },
		{ "1.", 0, 1, 0, 1 },
		{ "-2.5e-3", -1, 1, 0, -0.0025 },
		{ "+1E3", 0, 1000, 0, 1000 },
		{ "0.0999", 0.1, 3600, -EINVAL, 0 },
		{ "3600.001", 0.1, 3600, -EINVAL, 0 },
		{ "", 0, 1, -EINVAL, 0 },
		{ NULL, 0, 1, -EINVAL, 0 },
		{ " 1", 0, 1, -EINVAL, 0 },
		{ "1 ", 0, 1, -EINVAL, 0 },
		{ "1s", 0, 1, -EINVAL, 0 },
		{ "1,5", 0, 2, -EINVAL, 0 },
		{ "1e", 0, 2, -EINVAL, 0 },
		{ ".", 0, 2, -EINVAL, 0 },
		{ "-", -1, 2, -EINVAL, 0 },
		{ "1-1", 0, 2, -EINVAL, 0 },
		{ "0x1", 0, 2, -EINVAL, 0 },
		{ "nan", -INFINITY, INFINITY, -EINVAL, 0 },
		{ "inf", -INFINITY, INFINITY, -EINVAL, 0 },
		{ "1e999", -INFINITY, INFINITY, -EINVAL, 0 },
		{ "-1e999", -INFINITY, INFINITY, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		double value = UNTOUCHED;

		assert_int_equal(number_parse_double(cases[i].text, cases[i].low, cases[i].high, &value),
				 cases[i].result);
		assert_true(value == (cases[i].result ? UNTOUCHED : cases[i].value));
	}
}

static void hexadecimal(void **state)
{
	static const struct {
		const char *text;
		int result;
		unsigned int length;
		uint8_t bytes[HEX_CAPACITY];
	} cases[] = {
		{ "0x0a0B", 0, 2, { 0x0a, 0x0b } },
		{ "0a0B", 0, 2, { 0x0a, 0x0b } },
		{ "0XfF", 0, 1, { 0xff } },
		{ "00", 0, 1, { 0 } },
		{ "deadbeef", 0, 4, { 0xde, 0xad, 0xbe, 0xef } },
		{ "deadbeef00", -EINVAL, 0, { 0 } },
		{ "0x", -EINVAL, 0, { 0 } },
		{ "", -EINVAL, 0, { 0 } },
		{ NULL, -EINVAL, 0, { 0 } },
		{ "abc", -EINVAL, 0, { 0 } },
		{ "0xabc", -EINVAL, 0, { 0 } },
		{ "0g", -EINVAL, 0, { 0 } },
		{ "ab c", -EINVAL, 0, { 0 } },
		{ " ab", -EINVAL, 0, { 0 } },
		{ "0x0xab", -EINVAL, 0, { 0 } },
		{ "-0x1", -EINVAL, 0, { 0 } },
		{ "ab\xc3\xa4", -EINVAL, 0, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t bytes[HEX_CAPACITY] = { 1, 2, 3, 4 }, before[HEX_CAPACITY];
		unsigned int length = UNTOUCHED;

		memcpy(before, bytes, sizeof(before));
		assert_int_equal(number_parse_hex(cases[i].text, bytes, HEX_CAPACITY, &length), cases[i].result);
		assert_int_equal(length, cases[i].result ? UNTOUCHED : cases[i].length);
		if (cases[i].result)
			assert_memory_equal(bytes, before, sizeof(before));
		else
			assert_memory_equal(bytes, cases[i].bytes, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(fractions),
		cmocka_unit_test(hexadecimal),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
