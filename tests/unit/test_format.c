/* SPDX-License-Identifier: BSD-2-Clause */
/* Times, addresses, protocols and rates as text; times and addresses also against libc with random input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RANDOM_VALUES 50000
#define NS_PER_SECOND 1000000000ULL

static void seed_from_clock(unsigned short seed[3])
{
	unsigned int start = (unsigned int)time(NULL);

	print_message("seed %u\n", start);
	seed[0] = (unsigned short)start;
	seed[1] = (unsigned short)(start >> 16);
	seed[2] = 7;
}

static void known_times(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 951782399999999999, "2000-02-28T23:59:59.999999999Z" },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
		{ 951868800000000000, "2000-03-01T00:00:00.000000000Z" },
		{ 1795248000123456789, "2026-11-21T08:00:00.123456789Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};
	char out[TIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		time_format(cases[i].ns, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void random_times(void **state)
{
	unsigned short seed[3];

	(void)state;
	seed_from_clock(seed);
	for (unsigned int i = 0; i < RANDOM_VALUES; i++) {
		uint64_t ns = (uint64_t)(uint32_t)jrand48(seed) << 32 | (uint32_t)jrand48(seed);
		time_t seconds = (time_t)(ns / NS_PER_SECOND);
		char out[TIME_TEXT_SIZE], date[TIME_TEXT_SIZE], expected[2 * TIME_TEXT_SIZE];
		struct tm tm;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_true(strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
		snprintf(expected, sizeof(expected), "%s.%09uZ", date, (unsigned int)(ns % NS_PER_SECOND));
		time_format(ns, out);
		assert_string_equal(out, expected);
	}
}

/* As RFC 5952 wants them, so that each reads back and is written the same again. */
static void known_addresses(void **state)
{
	static const struct {
		int family;
		const char *given, *text;
	} cases[] = {
		{ 4, "0.0.0.0", "0.0.0.0" },
		{ 4, "10.1.0.2", "10.1.0.2" },
		{ 4, "255.255.255.255", "255.255.255.255" },
		{ 6, "::", "::" },
		{ 6, "::1", "::1" },
		{ 6, "1::", "1::" },
		{ 6, "2001:DB8::00A1", "2001:db8::a1" },
		{ 6, "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ 6, "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ 6, "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ 6, "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0" },
		{ 6, "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ 6, "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ 6, "::fffe:192.0.2.1", "::fffe:c000:201" },
		{ 6, "::192.0.2.1", "::c000:201" },
		{ 6, "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
		{ 6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	uint8_t address[sizeof(struct in6_addr)];
	char out[INET6_ADDRSTRLEN];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(inet_pton(cases[i].family == 4 ? AF_INET : AF_INET6, cases[i].given, address), 1);
		address_format(cases[i].family, address, out);
		assert_string_equal(out, cases[i].text);
	}
	address_format(0, address, out);
	assert_string_equal(out, "");
}

/* Half of the groups zero, so that runs of all lengths come. libc has its own opinion only of ::/96. */
static void random_addresses(void **state)
{
	unsigned short seed[3];

	(void)state;
	seed_from_clock(seed);
	for (unsigned int i = 0; i < RANDOM_VALUES; i++) {
		uint8_t address[sizeof(struct in6_addr)] = { 0x20 };
		char out[INET6_ADDRSTRLEN], expected[INET6_ADDRSTRLEN];

		for (size_t j = 2; j < sizeof(address); j += 2)
			if (jrand48(seed) & 1)
				*(uint16_t *)(void *)(address + j) = (uint16_t)((uint32_t)jrand48(seed) >>
										((uint32_t)jrand48(seed) % 16));
		address_format(6, address, out);
		assert_non_null(inet_ntop(AF_INET6, address, expected, sizeof(expected)));
		assert_string_equal(out, expected);
		address_format(4, address + 12, out);
		assert_non_null(inet_ntop(AF_INET, address + 12, expected, sizeof(expected)));
		assert_string_equal(out, expected);
	}
}

static void protocols(void **state)
{
	static const struct {
		const char *name;
		int number;
	} cases[] = {
		{ "TCP", 6 },    { "udp", 17 }, { "Icmp", 1 },  { "ICMPv6", 58 }, { "icmpV6", 58 },
		{ "sctp", 132 }, { "0", 0 },    { "255", 255 }, { "256", -1 },    { "-1", -1 },
		{ "6 ", -1 },    { "", -1 },    { "nope", -1 }, { "TCPx", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(protocol_number(cases[i].name), cases[i].number);
	for (unsigned int number = 0; number < 256; number++) {
		const char *name = protocol_name(number);

		if (name)
			assert_int_equal(protocol_number(name), number);
	}
	assert_string_equal(protocol_name(58), "ICMPv6");
	assert_null(protocol_name(47));
	assert_null(protocol_name(0));
}

static void protocols_of_the_database(void **state)
{
	static const char *const names[] = { "gre", "GRE", "Gre" };

	(void)state;
	if (access("/etc/protocols", R_OK) != 0) {
		print_message("skipped: /etc/protocols is not there (package netbase)\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(protocol_number(names[i]), 47);
	assert_int_equal(protocol_number("ospf"), 89);
	assert_int_equal(protocol_number("IPv6-ICMP"), 58);
}

static void rates(void **state)
{
	static const struct {
		double rate;
		const char *bytes, *bits;
	} cases[] = {
		{ 0, "0 B/s", "0 bit/s" },
		{ 0.00001, "0 B/s", "0 bit/s" },
		{ 0.5, "0.500 B/s", "4.000 bit/s" },
		{ 9.9994, "9.999 B/s", "80.00 bit/s" },
		{ 9.9996, "10.00 B/s", "80.00 bit/s" },
		{ 98, "98.00 B/s", "784.0 bit/s" },
		{ 99.996, "100.0 B/s", "800.0 bit/s" },
		{ 999.9, "999.9 B/s", "7.999 Kbit/s" },
		{ 999.96, "1.000 KB/s", "8.000 Kbit/s" },
		{ 1000, "1.000 KB/s", "8.000 Kbit/s" },
		{ 12.34e6, "12.34 MB/s", "98.72 Mbit/s" },
		{ 75e6, "75.00 MB/s", "600.0 Mbit/s" },
		{ 999.96e6, "1.000 GB/s", "8.000 Gbit/s" },
		{ 123.45e9, "123.5 GB/s", "987.6 Gbit/s" },
		{ 2.5e12, "2.500 TB/s", "20.00 Tbit/s" },
		{ 1e15, "1000 TB/s", "8000 Tbit/s" },
		{ 1e300, "1.000e+288 TB/s", "8.000e+288 Tbit/s" },
		{ NAN, "-", "-" },
		{ INFINITY, "-", "-" },
		{ -1, "-", "-" },
	};
	char out[RATE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rate_format(cases[i].rate, false, out);
		assert_string_equal(out, cases[i].bytes);
		rate_format(cases[i].rate, true, out);
		assert_string_equal(out, cases[i].bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_times),     cmocka_unit_test(random_times),
		cmocka_unit_test(known_addresses), cmocka_unit_test(random_addresses),
		cmocka_unit_test(protocols),       cmocka_unit_test(protocols_of_the_database),
		cmocka_unit_test(rates),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
