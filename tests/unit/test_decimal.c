/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as digits: known cases, and random doubles of every size against the slow and obvious way, printf with ever
 * more digits until they read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/decimal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RANDOM_VALUES 200000
#define SIGNIFICAND_MASK ((1ULL << 52) - 1)

static const char *written(double value)
{
	static char out[DECIMAL_SIZE + 1];
	unsigned int length = decimal_format_double(value, out);

	assert_true(length > 0 && length <= DECIMAL_SIZE);
	out[length] = '\0';
	return out;
}

static void whole_numbers(void **state)
{
	char expected[32], out[DECIMAL_SIZE];

	(void)state;
	for (uint64_t value = 0, power = 1;; power *= 10) {
		for (int around = -1; around <= 1; around++) {
			int length;

			value = power + (uint64_t)around;
			length = sprintf(expected, "%" PRIu64, value);
			assert_int_equal(decimal_format_u64(value, out), length);
			assert_memory_equal(out, expected, (size_t)length);
		}
		if (power > UINT64_MAX / 10)
			break;
	}
	assert_int_equal(decimal_format_u64(UINT64_MAX, out), 20);
	assert_memory_equal(out, "18446744073709551615", 20);
}

static void known_doubles(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -17, "-17" },
		{ 0.1, "0.1" },
		{ 0.25, "0.25" },
		{ 1.5, "1.5" },
		{ -1234.5678, "-1234.5678" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 0.001, "0.001" },
		{ 0.0001, "0.0001" },
		{ 0.00001, "1e-05" },
		{ 0.000012345, "1.2345e-05" },
		{ 1e-9, "1e-09" },
		{ 1e-14, "1e-14" },
		{ 9.5e-15, "9.5e-15" },
		{ 1e15, "1000000000000000" },
		{ 9007199254740991.0, "9007199254740991" },
		{ 9007199254740992.0, "9007199254740992" },
		{ 4503599627370495.5, "4503599627370495.5" },
		{ 4503599627370494.5, "4503599627370494.5" },
		{ 999999999999999.9, "999999999999999.9" },
		{ 99999999999999.98, "99999999999999.98" },
		{ 0.9999999999999999, "0.9999999999999999" },
		{ 1e22, "1e+22" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 5e-324, "5e-324" },
		{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
		/* Just above the next double below, which is nearer than the one above. */
		{ 0x1p-24, "5.960464477539063e-08" },
		{ 0x1p-44, "5.684341886080802e-14" },
		{ NAN, "NaN" },
		{ INFINITY, "+Inf" },
		{ -INFINITY, "-Inf" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(written(cases[i].value), cases[i].text);
}

static uint64_t random_bits(unsigned short seed[3])
{
	return (uint64_t)(uint32_t)jrand48(seed) << 32 | (uint32_t)jrand48(seed);
}

/* Any bits; sums of few digits; what monitors show: rates, and gaps in seconds; powers of two. */
static double random_double(unsigned short seed[3], unsigned int kind)
{
	uint64_t bits = random_bits(seed);
	double value;

	switch (kind % 5) {
	case 0:
		memcpy(&value, &bits, sizeof(value));
		return value;
	case 1:
		return (double)(bits >> 40) / pow(10, (double)(bits % 9));
	case 2:
		return (double)(bits >> 11) / 1e6;
	case 3:
		return pow(10, erand48(seed) * 32 - 15);
	default:
		return ldexp(1, (int)(bits % 120) - 60);
	}
}

static void shortest_by_printf(double value, char out[40])
{
	if (value == floor(value) && fabs(value) < 0x1p53) {
		snprintf(out, 40, "%.0f", value);
		return;
	}
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(out, 40, "%.*g", precision, value);
		if (strtod(out, NULL) == value)
			return;
	}
}

static void random_doubles(void **state)
{
	unsigned int start = (unsigned int)time(NULL);
	unsigned short seed[3] = { (unsigned short)start, (unsigned short)(start >> 16), 7 };

	(void)state;
	print_message("seed %u\n", start);
	for (unsigned int i = 0; i < RANDOM_VALUES; i++) {
		double value = random_double(seed, i);
		char expected[40];
		const char *text;
		uint64_t bits;

		if (!isfinite(value))
			continue;
		text = written(value);
		if (strtod(text, NULL) != value)
			fail_msg("%a was written as %s", value, text);
		shortest_by_printf(value, expected);
		memcpy(&bits, &value, sizeof(bits));
		/* Below a power of two doubles are denser, and rounding up can be shorter than printf's nearest. */
		if (!(bits & SIGNIFICAND_MASK) && strlen(text) <= strlen(expected))
			continue;
		if (strcmp(text, expected) != 0)
			fail_msg("%a was written as %s, not %s", value, text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(known_doubles),
		cmocka_unit_test(random_doubles),
	};

	return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
