/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP echo messages as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/echo.h"

static const struct echo_key key = { { 1, 2 } }, other_key = { { 1, 3 } };
static const struct echo sample = { .identifier = 0xabcd, .target = 0x01020304, .number = 0xfffe1234 };

static uint16_t sum_of(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static void test_request(void **state)
{
	static const uint8_t head[] = { 0xab, 0xcd, 0x12, 0x34, 1, 2, 3, 4, 0xff, 0xfe, 0x12, 0x34 };
	uint8_t bytes[ECHO_LEAST];

	(void)state;
	echo_write(&key, 4, &sample, bytes);
	assert_true(bytes[0] == 8 && bytes[1] == 0);
	assert_memory_equal(bytes + 4, head, sizeof(head));
	assert_int_equal(sum_of(bytes, sizeof(bytes)), 0xffff);
	echo_write(&key, 6, &sample, bytes);
	assert_true(bytes[0] == 128 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0);
}

static void test_reply(void **state)
{
	uint8_t bytes[64] = { 0 };
	struct echo echo;

	(void)state;
	echo_write(&key, 4, &sample, bytes);
	assert_false(echo_read(&key, 4, ECHO_REPLY, bytes, sizeof(bytes), &echo));
	bytes[0] = 0;
	assert_true(echo_read(&key, 4, ECHO_REPLY, bytes, sizeof(bytes), &echo));
	assert_true(echo.tagged && echo.identifier == 0xabcd && echo.target == sample.target &&
		    echo.number == sample.number);
	assert_false(echo_read(&key, 6, ECHO_REPLY, bytes, sizeof(bytes), &echo));
	assert_true(echo_read(&other_key, 4, ECHO_REPLY, bytes, sizeof(bytes), &echo) && !echo.tagged);
	bytes[7] ^= 1; /* the sequence is not the number's */
	assert_true(echo_read(&key, 4, ECHO_REPLY, bytes, sizeof(bytes), &echo) && !echo.tagged);
	bytes[7] ^= 1;
	bytes[1] = 1; /* there is one code */
	assert_false(echo_read(&key, 4, ECHO_REPLY, bytes, sizeof(bytes), &echo));
}

static void test_lengths(void **state)
{
	uint8_t bytes[ECHO_LEAST];
	struct echo echo;

	(void)state;
	echo_write(&key, 6, &sample, bytes);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		assert_int_equal(echo_read(&key, 6, ECHO_REQUEST, bytes, length, &echo), length >= ECHO_HEADER);
		if (length >= ECHO_HEADER)
			assert_true(echo.sequence == 0x1234 && echo.tagged == (length == ECHO_LEAST));
	}
}

static void test_ip_header(void **state)
{
	static const struct {
		uint8_t first;
		size_t length, expected;
	} cases[] = {
		{ 0x45, 20, 20 }, { 0x45, 19, 0 }, { 0x4f, 60, 60 }, { 0x4f, 59, 0 },
		{ 0x44, 40, 0 },  { 0x65, 40, 0 }, { 0x45, 0, 0 },
	};
	uint8_t bytes[60] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bytes[0] = cases[i].first;
		assert_int_equal(echo_after_ip(bytes, cases[i].length), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_ip_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
