/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf("%.17g") and strtod() to see whether fewer digits do cost microseconds, and nearly every value a monitor shows
 * (a rate, a gap in seconds, a ratio) lies where something simpler is exact. A double is m * 2^e. Scaled by 10^k so
 * that it has 17 digits before the point it is m * 5^k * 2^(e+k), and for values from 1e-14 up m * 5^k fits in
 * 128 bits. So the scaled value, and the two ends of what reads back to the same double, are exact integers there,
 * and rounding ever more digits away until the result would leave those ends gives the shortest form.
 * Whole numbers below 2^53 are written as such; the rest, the very small and very large, goes through printf.
 */
#include "base/decimal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_LIMIT 0x1p53
#define EXACT_LOWEST 1e-14
#define FRACTION_BITS 52
#define EXPONENT_BIAS 1075 /* of a double whose significand is read as a whole number */
#define EXPONENT_MASK 0x7ff
#define SCALED_DIGITS 17
#define SCALED_LIMIT 100000000000000000ULL /* 10^17 */
#define SCIENTIFIC_BELOW (-4)              /* as printf's %g */

typedef unsigned __int128 u128;

struct decimal {
	uint64_t digits;
	int exponent; /* value = digits * 10^exponent */
};

/* A double times 10^scale, in 2^-shift; `step` is a quarter of the distance to the next double. */
struct scaled {
	u128 value;
	u128 step;
	unsigned int shift;
	int scale;
};

unsigned int decimal_format_u64(uint64_t value, char out[DECIMAL_SIZE])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char digits[DECIMAL_SIZE], *end = digits + sizeof(digits), *first = end;

	for (; value >= 100; value /= 100) {
		first -= 2;
		memcpy(first, pairs + 2 * (value % 100), 2);
	}
	if (value >= 10) {
		first -= 2;
		memcpy(first, pairs + 2 * value, 2);
	} else {
		*--first = (char)('0' + value);
	}
	memcpy(out, first, (size_t)(end - first));
	return (unsigned int)(end - first);
}

static u128 power_of_five(int exponent)
{
	u128 power = 1, square = 5;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			power *= square;
		square *= square;
	}
	return power;
}

/* 4 * significand * 2^(exponent - 2) times 10^scale. */
static struct scaled scale_by(uint64_t significand, int exponent, int scale)
{
	u128 power = power_of_five(scale);

	return (struct scaled){
		.value = 4 * significand * power,
		.step = power,
		.shift = (unsigned int)(2 - exponent - scale),
		.scale = scale,
	};
}

/* Of two multiples of `step` beside `whole` and its remainder, the nearer; the even one if both are as near. */
static uint64_t round_to(uint64_t whole, bool remainder, uint64_t step)
{
	uint64_t over = whole % step, down = whole - over, half = step / 2;
	bool up = over > half || (over == half && (remainder || (down / step & 1)));

	return up ? down + step : down;
}

static struct decimal shorten(const struct scaled *scaled, bool narrow_below)
{
	u128 below = scaled->value - (narrow_below ? 1 : 2) * scaled->step;
	u128 above = scaled->value + 2 * scaled->step;
	u128 mask = ((u128)1 << scaled->shift) - 1, rest = scaled->value & mask, half = (mask >> 1) + 1;
	/* The ends themselves are never whole: they hold at most one factor of two, and the shift is two or more. */
	uint64_t lowest = (uint64_t)((below + mask) >> scaled->shift);
	uint64_t highest = (uint64_t)(above >> scaled->shift);
	uint64_t whole = (uint64_t)(scaled->value >> scaled->shift);
	struct decimal best = { whole + (rest > half || (rest == half && (whole & 1))), -scaled->scale };
	int exponent = best.exponent;

	for (uint64_t step = 10; step <= SCALED_LIMIT; step *= 10) {
		uint64_t rounded = round_to(whole, rest != 0, step);

		if (rounded < lowest)
			rounded += step;
		if (rounded < lowest || rounded > highest)
			break;
		best = (struct decimal){ rounded / step, ++exponent };
	}
	return best;
}

/* EXACT_LOWEST <= value < WHOLE_LIMIT, and not a whole number. */
static struct decimal shortest(double value)
{
	const uint64_t hidden = 1ULL << FRACTION_BITS;
	uint64_t bits, significand;
	int exponent, magnitude;
	struct scaled scaled;

	memcpy(&bits, &value, sizeof(bits));
	significand = (bits & (hidden - 1)) | hidden;
	exponent = (int)(bits >> FRACTION_BITS & EXPONENT_MASK) - EXPONENT_BIAS;
	/* floor(log10(2^(exponent + 52))): that of the value, or one less. */
	magnitude = (int)floor((exponent + FRACTION_BITS) * M_LOG10E * M_LN2);
	scaled = scale_by(significand, exponent, SCALED_DIGITS - 1 - magnitude);
	if (scaled.value >> scaled.shift >= SCALED_LIMIT)
		scaled = scale_by(significand, exponent, SCALED_DIGITS - 2 - magnitude);
	return shorten(&scaled, significand == hidden);
}

static unsigned int write_scientific(const char *digits, unsigned int count, int magnitude, char *out)
{
	char *next = out;

	*next++ = digits[0];
	if (count > 1) {
		*next++ = '.';
		memcpy(next, digits + 1, count - 1);
		next += count - 1;
	}
	next = stpcpy(next, "e-");
	*next++ = (char)('0' + -magnitude / 10);
	*next++ = (char)('0' + -magnitude % 10);
	return (unsigned int)(next - out);
}

/* The point stands within the digits or before them, as the value is not a whole number. */
static unsigned int write_decimal(struct decimal decimal, char *out)
{
	char digits[DECIMAL_SIZE];
	unsigned int count = decimal_format_u64(decimal.digits, digits), whole, zeros;
	int magnitude = (int)count - 1 + decimal.exponent;

	if (magnitude < SCIENTIFIC_BELOW)
		return write_scientific(digits, count, magnitude, out);
	if (magnitude < 0) {
		zeros = (unsigned int)-magnitude - 1;
		memcpy(out, "0.000", 2 + zeros);
		memcpy(out + 2 + zeros, digits, count);
		return 2 + zeros + count;
	}
	whole = (unsigned int)magnitude + 1;
	memcpy(out, digits, whole);
	out[whole] = '.';
	memcpy(out + whole + 1, digits + whole, count - whole);
	return count + 1;
}

/*
 * 15 digits always survive being read as a double, but a subnormal one holds fewer, down to a single one. Reading back
 * is in the locale of the writing; only what is handed out has a point for certain.
 */
static unsigned int write_by_printf(double value, char *out)
{
	char text[DECIMAL_SIZE];
	unsigned int length = 0;

	for (int precision = value < DBL_MIN ? 1 : DBL_DIG; precision <= SCALED_DIGITS; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	for (const char *c = text; *c; c++) {
		if (strchr("0123456789-+e", *c))
			out[length++] = *c;
		else if (length && out[length - 1] != '.')
			out[length++] = '.';
	}
	return length;
}

static unsigned int write_positive(double value, char *out)
{
	if (value < WHOLE_LIMIT && value == floor(value))
		return decimal_format_u64((uint64_t)value, out);
	if (value >= EXACT_LOWEST && value < WHOLE_LIMIT)
		return write_decimal(shortest(value), out);
	return write_by_printf(value, out);
}

unsigned int decimal_format_double(double value, char out[DECIMAL_SIZE])
{
	if (isnan(value))
		return (unsigned int)(stpcpy(out, "NaN") - out);
	if (isinf(value))
		return (unsigned int)(stpcpy(out, value > 0 ? "+Inf" : "-Inf") - out);
	if (!signbit(value))
		return write_positive(value, out);
	out[0] = '-';
	return 1 + write_positive(-value, out + 1);
}
