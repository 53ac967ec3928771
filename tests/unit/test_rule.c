/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules as text: what is read, what is refused and in which words, and what a rule means. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/rule.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FIELDS_RIGHT ": 5 would be right, \"SRC DST SPORT DPORT PROTO\", with - for any"
#define ADDRESS_RIGHT " is no IPv4 or IPv6 address: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or - would be right"
#define PORT_RIGHT " is no port: 80, 1000-2000 or - would be right"
#define PROTOCOL_RIGHT " is unknown: a name such as TCP, a number of 0 to 255 or - would be right"
#define BRACKET_RIGHT " has a bracket out of place: [a,b] would be right"
#define TEN(item) item item item item item item item item item item

static void assert_parses(const char *text, struct rule *rule)
{
	char error[RULE_ERROR_SIZE] = "";

	if (rule_parse(text, rule, error))
		fail_msg("\"%s\" was refused: %s", text, error);
}

static void test_good_texts(void **state)
{
	static const struct {
		const char *text;
		unsigned int sources, destinations, source_ports, destination_ports, protocols;
	} rows[] = {
		{ "- - - - -", 0, 0, 0, 0, 0 },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", 1, 1, 0, 1, 1 },
		{ "[10.1.0.1,11.1.1.1] - 9999 - ICMP", 2, 0, 1, 0, 1 },
		{ " \t-\n- -   - -\r\n", 0, 0, 0, 0, 0 },
		{ "10.0.0.0/8 0.0.0.0/0 0 65535 0", 1, 1, 1, 1, 1 },
		{ "10.1.2.3/32 10.1.2.2/31 1-1 0-65535 255", 1, 1, 1, 1, 1 },
		{ "::1 ::/0 - - [tcp,Udp,SCTP,icmp,ICMPV6,ipv6-icmp,47]", 1, 1, 0, 0, 7 },
		{ "[10.0.0.1,2001:db8::/32,::ffff:1.2.3.4] [fe80::1] [80,443,1000-2000] [1] [TCP]", 3, 1, 3, 1, 1 },
		{ "2001:DB8:0:0::/64 - - - -", 1, 0, 0, 0, 0 },
	};
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_parses(rows[i].text, &rule);
		assert_int_equal(rule.address_count[RULE_SOURCE], rows[i].sources);
		assert_int_equal(rule.address_count[RULE_DESTINATION], rows[i].destinations);
		assert_int_equal(rule.port_count[RULE_SOURCE], rows[i].source_ports);
		assert_int_equal(rule.port_count[RULE_DESTINATION], rows[i].destination_ports);
		assert_int_equal(rule.protocol_count, rows[i].protocols);
	}
}

static void test_values(void **state)
{
	static const uint8_t network[16] = { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xf0 };
	static const uint8_t protocols[] = { 6, 17, 1, 58, 58, 132, 47 };
	struct rule rule;

	(void)state;
	assert_parses("[192.0.2.7,2001:db8:fff0::/44] - [443,1000-2000] - [TCP,UDP,ICMP,ICMPv6,IPv6-ICMP,SCTP,47]",
		      &rule);
	assert_int_equal(rule.addresses[RULE_SOURCE][0].family, 4);
	assert_int_equal(rule.addresses[RULE_SOURCE][0].prefix_length, 32);
	assert_memory_equal(rule.addresses[RULE_SOURCE][0].bytes, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(rule.addresses[RULE_SOURCE][1].family, 6);
	assert_int_equal(rule.addresses[RULE_SOURCE][1].prefix_length, 44);
	assert_memory_equal(rule.addresses[RULE_SOURCE][1].bytes, network, sizeof(network));
	assert_int_equal(rule.ports[RULE_SOURCE][0].low, 443);
	assert_int_equal(rule.ports[RULE_SOURCE][0].high, 443);
	assert_int_equal(rule.ports[RULE_SOURCE][1].low, 1000);
	assert_int_equal(rule.ports[RULE_SOURCE][1].high, 2000);
	assert_memory_equal(rule.protocols, protocols, sizeof(protocols));
}

static void test_bad_texts(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		/* the number of fields */
		{ "", "a rule of 0 fields" FIELDS_RIGHT },
		{ " \t ", "a rule of 0 fields" FIELDS_RIGHT },
		{ "TCP", "a rule of 1 field" FIELDS_RIGHT },
		{ "- - - TCP", "a rule of 4 fields" FIELDS_RIGHT },
		{ "- - - - TCP -", "a rule of 6 fields" FIELDS_RIGHT },
		/* lists */
		{ "- - - - [TCP, UDP]", "lists have no spaces: [TCP, UDP] is written [TCP,UDP]" },
		{ "[10.0.0.1 , 10.0.0.2] - - - -",
		  "lists have no spaces: [10.0.0.1 , 10.0.0.2] is written [10.0.0.1,10.0.0.2]" },
		{ "- - [ 80\t443 ] - TCP", "lists have no spaces: [ 80 443 ] is written [80,443]" },
		{ "- - - [80,443,\n\n8080] TCP", "lists have no spaces: [80,443,  8080] is written [80,443,8080]" },
		{ "- - - - [TCP,UDP", "[TCP,UDP is a list without its end: [a,b], without spaces, would be right" },
		{ "[10.0.0.1 - - - [TCP]",
		  "[10.0.0.1 is a list without its end: [a,b], without spaces, would be right" },
		{ "- - - - TCP,UDP", "TCP,UDP is a list without brackets: [a,b], without spaces, would be right" },
		{ "- - 80, 443 - TCP", "80, is a list without brackets: [a,b], without spaces, would be right" },
		{ "- - - - []", "protocol [] is an empty list: - would be right for any" },
		{ "- - - - [TCP,,UDP]", "protocol [TCP,,UDP] has an empty item: [a,b] would be right" },
		{ "- - - - [,TCP]", "protocol [,TCP] has an empty item: [a,b] would be right" },
		{ "[10.0.0.1,] - - - -", "source [10.0.0.1,] has an empty item: [a,b] would be right" },
		{ "- [10.0.0.1,-] - - -", "destination [10.0.0.1,-] has - in a list: - alone would be right for any" },
		{ "- - - - [[TCP,UDP]]", "protocol [[TCP,UDP]]" BRACKET_RIGHT },
		{ "- - [80,443]x - TCP", "source port [80,443]x" BRACKET_RIGHT },
		{ "- - - 443] TCP", "destination port 443]" BRACKET_RIGHT },
		{ "- [2001:db8::1]:80 - - TCP", "destination [2001:db8::1]:80" BRACKET_RIGHT },
		/* addresses */
		{ "10.1.2 - - - -", "source 10.1.2" ADDRESS_RIGHT },
		{ "- any - - -", "destination any" ADDRESS_RIGHT },
		{ "- 10.0.0.256 - - -", "destination 10.0.0.256" ADDRESS_RIGHT },
		{ "2001:db8:::1 - - - -", "source 2001:db8:::1" ADDRESS_RIGHT },
		{ "[10.0.0.1,host.example] - - - -", "source host.example" ADDRESS_RIGHT },
		{ "/8 - - - -", "source /8" ADDRESS_RIGHT },
		{ "10.1.2.3/8 - - - -", "source 10.1.2.3/8 has host bits set: 10.0.0.0/8 would be right" },
		{ "- 10.0.0.1/0 - - -", "destination 10.0.0.1/0 has host bits set: 0.0.0.0/0 would be right" },
		{ "- 10.1.255.255/23 - - -",
		  "destination 10.1.255.255/23 has host bits set: 10.1.254.0/23 would be right" },
		{ "2001:db8::1/33 - - - -", "source 2001:db8::1/33 has host bits set: 2001:db8::/33 would be right" },
		{ "::1/127 - - - -", "source ::1/127 has host bits set: ::/127 would be right" },
		{ "10.0.0.0/33 - - - -",
		  "source 10.0.0.0/33 has a wrong prefix length: 0 to 32 would be right for IPv4" },
		{ "10.0.0.0/ - - - -", "source 10.0.0.0/ has a wrong prefix length: 0 to 32 would be right for IPv4" },
		{ "10.0.0.0/255.0.0.0 - - - -",
		  "source 10.0.0.0/255.0.0.0 has a wrong prefix length: 0 to 32 would be right for IPv4" },
		{ "10.0.0.0/+8 - - - -",
		  "source 10.0.0.0/+8 has a wrong prefix length: 0 to 32 would be right for IPv4" },
		{ "- ::/129 - - -", "destination ::/129 has a wrong prefix length: 0 to 128 would be right for IPv6" },
		{ "fe80::1%eth0 - - - -",
		  "source fe80::1%eth0 has a zone: fe80::1 would be right, on every interface" },
		{ "fe80::%eth0/64 - - - -",
		  "source fe80::%eth0/64 has a zone: fe80:: would be right, on every interface" },
		/* ports */
		{ "- - 65536 - TCP", "source port 65536 is over 65535: 0 to 65535 would be right" },
		{ "- - - 1000-99999999999999999999 TCP",
		  "destination port 1000-99999999999999999999 is over 65535: 0 to 65535 would be right" },
		{ "- - 2000-1000 - TCP", "source port 2000-1000 is upside down: 1000-2000 would be right" },
		{ "- - - [80,http] TCP", "destination port http" PORT_RIGHT },
		{ "- - - -80 TCP", "destination port -80" PORT_RIGHT },
		{ "- - - 80- TCP", "destination port 80-" PORT_RIGHT },
		{ "- - - 80-90-100 TCP", "destination port 80-90-100" PORT_RIGHT },
		{ "- - 0x50 - TCP", "source port 0x50" PORT_RIGHT },
		{ "- - +80 - TCP", "source port +80" PORT_RIGHT },
		/* protocols */
		{ "- - - - TPC", "protocol TPC" PROTOCOL_RIGHT },
		{ "- - - - 256", "protocol 256" PROTOCOL_RIGHT },
		{ "- - - - -1", "protocol -1" PROTOCOL_RIGHT },
		{ "- - - - [TCP,6.0]", "protocol 6.0" PROTOCOL_RIGHT },
		{ "- - - - IP", "protocol IP is every protocol: - would be right" },
		/* what does not fit a line, or a terminal */
		{ "- - - - " TEN("abcdef") "abcd",
		  "protocol " TEN("abcdef") "... is too long: 63 characters at most would be right" },
		{ "- - - - x" TEN("éééé"),
		  "protocol x" TEN("éé") "ééééééééé... is too long: 63 characters at most would be right" },
		{ "- - - - T\033[2JP", "protocol T?[2JP" BRACKET_RIGHT },
		{ "- - - - T\x01P", "protocol T?P" PROTOCOL_RIGHT },
		{ "- - - - [" TEN("TCP, ") TEN("TCP, ") "UDP]",
		  "lists have no spaces: [" TEN("TCP, ") "TCP, TCP,... is written [" TEN(
			  "TCP,") "TCP,TCP,TCP,TCP,TCP..." },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct rule rule, before;
		char error[RULE_ERROR_SIZE] = "";

		memset(&rule, 0x5a, sizeof(rule));
		before = rule;
		assert_int_equal(rule_parse(rows[i].text, &rule, error), -EINVAL);
		assert_string_equal(error, rows[i].error);
		assert_memory_equal(&rule, &before, sizeof(rule));
	}
}

static void list_of_ports(char *text, size_t size, unsigned int count)
{
	size_t length = (size_t)snprintf(text, size, "- - - [");

	for (unsigned int i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%u", i ? "," : "", 65000 + i);
	snprintf(text + length, size - length, "] TCP");
}

static void test_longest_list(void **state)
{
	char text[1024], error[RULE_ERROR_SIZE] = "";
	struct rule rule;

	(void)state;
	list_of_ports(text, sizeof(text), RULE_ITEMS_MAX);
	assert_parses(text, &rule);
	assert_int_equal(rule.port_count[RULE_DESTINATION], RULE_ITEMS_MAX);
	assert_int_equal(rule.ports[RULE_DESTINATION][RULE_ITEMS_MAX - 1].high, 65000 + RULE_ITEMS_MAX - 1);
	list_of_ports(text, sizeof(text), RULE_ITEMS_MAX + 1);
	assert_int_equal(rule_parse(text, &rule, error), -EINVAL);
	assert_string_equal(error, "destination port list has more than 64 items: two rules would be right");
}

static void fill_address(const char *text, __be32 out[4])
{
	if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, out) != 1)
		fail_msg("the test has a wrong address: %s", text);
}

static struct flow_key key_of(const char *src, const char *dst, uint16_t sport, uint16_t dport, uint8_t protocol)
{
	struct flow_key key = {
		.sport = htons(sport),
		.dport = htons(dport),
		.protocol = protocol,
		.family = strchr(src, ':') ? 6 : 4,
	};

	fill_address(src, key.src);
	fill_address(dst, key.dst);
	return key;
}

static void test_matches(void **state)
{
	static const struct {
		const char *rule, *src, *dst;
		uint16_t sport, dport;
		uint8_t protocol;
		bool wanted;
	} rows[] = {
		{ "- - - - -", "10.0.0.1", "10.0.0.2", 1, 2, 6, true },
		{ "- - - - -", "::1", "::2", 0, 0, 58, true },
		{ "- - - - -", "10.0.0.1", "10.0.0.2", 0, 0, 47, true },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", "1.1.1.1", "2.2.2.2", 999, 22, 6, true },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", "2.2.2.2", "1.1.1.1", 22, 999, 6, false },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", "1.1.1.1", "2.2.2.3", 999, 22, 6, false },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", "1.1.1.1", "2.2.2.2", 22, 999, 6, false },
		{ "1.1.1.1 2.2.2.2 - 22 TCP", "1.1.1.1", "2.2.2.2", 999, 22, 17, false },
		{ "10.0.0.0/9 - - - -", "10.127.255.255", "1.1.1.1", 1, 2, 6, true },
		{ "10.0.0.0/9 - - - -", "10.128.0.0", "1.1.1.1", 1, 2, 6, false },
		{ "0.0.0.0/0 - - - -", "10.128.0.0", "1.1.1.1", 1, 2, 6, true },
		{ "0.0.0.0/0 - - - -", "::1", "::2", 1, 2, 6, false },
		{ "::/0 - - - -", "::1", "::2", 1, 2, 6, true },
		{ "::/0 - - - -", "0.0.0.0", "0.0.0.1", 1, 2, 6, false },
		{ "[10.0.0.1,2001:db8::/33] - - - -", "2001:db8:7fff::1", "::2", 1, 2, 6, true },
		{ "[10.0.0.1,2001:db8::/33] - - - -", "2001:db8:8000::1", "::2", 1, 2, 6, false },
		{ "- 2001:db8::/127 - - -", "::1", "2001:db8::1", 1, 2, 6, true },
		{ "- 2001:db8::/127 - - -", "::1", "2001:db8::2", 1, 2, 6, false },
		{ "- - 1000-2000 - -", "10.0.0.1", "10.0.0.2", 1000, 2, 17, true },
		{ "- - 1000-2000 - -", "10.0.0.1", "10.0.0.2", 2000, 2, 132, true },
		{ "- - 1000-2000 - -", "10.0.0.1", "10.0.0.2", 999, 1000, 17, false },
		{ "- - [80,443] - -", "10.0.0.1", "10.0.0.2", 443, 1, 6, true },
		{ "- - [80,443] - -", "10.0.0.1", "10.0.0.2", 81, 1, 6, false },
		{ "- - - - [TCP,UDP]", "10.0.0.1", "10.0.0.2", 1, 2, 17, true },
		{ "- - - - [TCP,UDP]", "10.0.0.1", "10.0.0.2", 0, 0, 1, false },
		{ "- - - - ICMP", "10.0.0.1", "10.0.0.2", 0, 0, 1, true },
		{ "- - - - ICMP", "::1", "::2", 0, 0, 58, false },
		{ "- - - - ICMPv6", "::1", "::2", 0, 0, 58, true },
		/* ports 0 of a protocol without ports are none */
		{ "- - - 0 -", "10.0.0.1", "10.0.0.2", 0, 0, 1, false },
		{ "- - 0-65535 - -", "10.0.0.1", "10.0.0.2", 0, 0, 47, false },
		{ "- - - 0 [ICMP,UDP]", "10.0.0.1", "10.0.0.2", 0, 0, 1, false },
		{ "- - - 0 [ICMP,UDP]", "10.0.0.1", "10.0.0.2", 0, 0, 17, true },
	};
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct flow_key key = key_of(rows[i].src, rows[i].dst, rows[i].sport, rows[i].dport, rows[i].protocol);

		assert_parses(rows[i].rule, &rule);
		if (rule_matches(&rule, &key) != rows[i].wanted)
			fail_msg("row %zu: \"%s\" on %s %s %u %u %u is not %d", i, rows[i].rule, rows[i].src,
				 rows[i].dst, rows[i].sport, rows[i].dport, rows[i].protocol, rows[i].wanted);
	}
}

static void test_never_matches(void **state)
{
	static const char no_ports[] = "it names ports, but no protocol that has ports: TCP, UDP and SCTP have";
	static const char no_family[] = "its sources and destinations have no address family in common";
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "- - - - -", NULL },
		{ "- - 80 - -", NULL },
		{ "- - 80 - [ICMP,SCTP]", NULL },
		{ "10.0.0.1 [::1,10.0.0.2] - - -", NULL },
		{ "::1 - - - -", NULL },
		{ "- 10.0.0.1 - - -", NULL },
		{ "[10.1.0.1,11.1.1.1] - 9999 - ICMP", no_ports },
		{ "- - - 0 [ICMP,ICMPv6,47]", no_ports },
		{ "10.0.0.1 ::1 - - -", no_family },
		{ "[::1,::2] [10.0.0.1,10.0.0.0/8] - - TCP", no_family },
	};
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *why;

		assert_parses(rows[i].text, &rule);
		why = rule_never_matches(&rule);
		if (rows[i].why)
			assert_string_equal(why ? why : "(it may match)", rows[i].why);
		else
			assert_null(why);
	}
}

/* Half of the texts are noise, half are good ones with some bytes changed. */
static void random_text(char *text, size_t size)
{
	static const char alphabet[] = "-[],/:.%0123456789abcdfTCPUDP \t\n\033\xc3\xa9";
	static const char *const good[] = {
		"[10.0.0.1,2001:db8::/32] - [80,443,1000-2000] 0-65535 [TCP,UDP,47]",
		"10.0.0.0/8 fe80::1 22 - -",
	};
	size_t length = (size_t)random() % size, changes = 1 + (size_t)random() % 3;

	if (random() % 2) {
		length = (size_t)snprintf(text, size, "%s", good[random() % 2]);
		while (changes--)
			text[(size_t)random() % length] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		return;
	}
	for (size_t i = 0; i < length; i++)
		text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
	text[length] = '\0';
}

/* Whatever the text, the answer is a rule or one line. */
static void test_any_text(void **state)
{
	unsigned int seed = getenv("SEED") ? (unsigned int)strtoul(getenv("SEED"), NULL, 10) : (unsigned int)time(NULL);
	unsigned int refused = 0, read = 0;

	(void)state;
	print_message("seed %u (SEED=%u repeats it)\n", seed, seed);
	srandom(seed);
	for (unsigned int round = 0; round < 100000; round++) {
		char text[200], error[RULE_ERROR_SIZE];
		struct rule rule;

		random_text(text, sizeof(text));
		memset(error, '\n', sizeof(error));
		if (!rule_parse(text, &rule, error)) {
			read++;
			continue;
		}
		refused++;
		assert_non_null(memchr(error, '\0', sizeof(error)));
		assert_true(strlen(error) > 0 && strlen(error) < sizeof(error) - 1);
		assert_null(strpbrk(error, "\n\033\t"));
	}
	assert_true(refused > 1000);
	assert_true(read > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_texts), cmocka_unit_test(test_values),
		cmocka_unit_test(test_bad_texts),  cmocka_unit_test(test_longest_list),
		cmocka_unit_test(test_matches),    cmocka_unit_test(test_never_matches),
		cmocka_unit_test(test_any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
