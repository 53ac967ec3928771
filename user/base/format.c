/* SPDX-License-Identifier: BSD-2-Clause */
/* The field's own things as text: a time, an address, a protocol, a rate. A page of metrics holds thousands of addresses, so
 * they are written by hand; inet_ntop() would also write ::/96 as if it held an IPv4 address.
 */
#include "base/text.h"

#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/decimal.h"
#include "base/number.h"

#define NS_PER_SECOND 1000000000ULL
#define BITS_PER_BYTE 8
#define GROUPS 8       /* of 16 bits, in an IPv6 address */
#define MAPPED_ZEROS 5 /* groups before the ffff of an IPv4-mapped address */

void time_format(uint64_t realtime_ns, char out[TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_SECOND);
	struct tm tm = { 0 };

	/* It fails only for years that do not fit an int; 64 bits of nanoseconds end in 2554. */
	if (!gmtime_r(&seconds, &tm)) {
		out[0] = '\0';
		return;
	}
	snprintf(out, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned int)(realtime_ns % NS_PER_SECOND));
}

static char *write_ipv4(const uint8_t *bytes, char *out)
{
	char digits[DECIMAL_SIZE];

	for (unsigned int i = 0; i < sizeof(struct in_addr); i++) {
		unsigned int length = decimal_format_u64(bytes[i], digits);

		if (i)
			*out++ = '.';
		memcpy(out, digits, length);
		out += length;
	}
	return out;
}

struct run {
	unsigned int first, length;
};

/* The groups that "::" stands for: the longest run of zeros, the first of equals, never a single one (RFC 5952, 4.2). */
static struct run longest_zeros(const uint16_t *groups, unsigned int count)
{
	struct run best = { 0, 1 }, run = { 0 };

	for (unsigned int i = 0; i < count; i++) {
		if (groups[i])
			run = (struct run){ i + 1, 0 };
		else if (++run.length > best.length)
			best = run;
	}
	return best.length > 1 ? best : (struct run){ count, 0 };
}

static char *write_group(uint16_t group, char *out)
{
	static const char hex[] = "0123456789abcdef";
	int shift = 12;

	while (shift && !(group >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = hex[group >> shift & 0xf];
	return out;
}

static char *write_ipv6(const uint8_t *bytes, char *out)
{
	uint16_t groups[GROUPS];
	unsigned int count = GROUPS;
	struct run zeros;

	for (unsigned int i = 0; i < GROUPS; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	zeros = longest_zeros(groups, count);
	if (!zeros.first && zeros.length == MAPPED_ZEROS && groups[MAPPED_ZEROS] == 0xffff)
		count = GROUPS - 2;
	for (unsigned int i = 0; i < count; i++) {
		if (zeros.length && i == zeros.first) {
			*out++ = ':';
			i += zeros.length - 1;
			if (i + 1 == count)
				*out++ = ':';
			continue;
		}
		if (i)
			*out++ = ':';
		out = write_group(groups[i], out);
	}
	if (count < GROUPS) {
		*out++ = ':';
		out = write_ipv4(bytes + 2 * count, out);
	}
	return out;
}

void address_format(int family, const void *address, char *out)
{
	if (family == 4)
		out = write_ipv4(address, out);
	else if (family == 6)
		out = write_ipv6(address, out);
	*out = '\0';
}

static const struct {
	unsigned int number;
	const char *name;
} PROTOCOLS[] = {
	{ IPPROTO_TCP, "TCP" },       { IPPROTO_UDP, "UDP" },   { IPPROTO_ICMP, "ICMP" },
	{ IPPROTO_ICMPV6, "ICMPv6" }, { IPPROTO_SCTP, "SCTP" },
};

#define PROTOCOLS_COUNT (sizeof(PROTOCOLS) / sizeof(PROTOCOLS[0]))

const char *protocol_name(unsigned int protocol)
{
	for (size_t i = 0; i < PROTOCOLS_COUNT; i++)
		if (PROTOCOLS[i].number == protocol)
			return PROTOCOLS[i].name;
	return NULL;
}

static bool is_called(const struct protoent *entry, const char *name)
{
	if (!strcasecmp(entry->p_name, name))
		return true;
	for (char **alias = entry->p_aliases; *alias; alias++)
		if (!strcasecmp(*alias, name))
			return true;
	return false;
}

/* Entry by entry, as getprotobyname() heeds case. */
static int protocol_in_database(const char *name)
{
	const struct protoent *entry;
	int number = -1;

	setprotoent(0);
	while (number < 0 && (entry = getprotoent()) != NULL)
		if (entry->p_proto >= 0 && entry->p_proto <= UINT8_MAX && is_called(entry, name))
			number = entry->p_proto;
	endprotoent();
	return number;
}

int protocol_number(const char *name)
{
	uint64_t number;

	if (!number_parse_u64(name, 0, UINT8_MAX, &number))
		return (int)number;
	/* The database may not be installed: what flowgauge itself names, it knows. */
	for (size_t i = 0; i < PROTOCOLS_COUNT; i++)
		if (!strcasecmp(PROTOCOLS[i].name, name))
			return (int)PROTOCOLS[i].number;
	return protocol_in_database(name);
}

void rate_format(double bytes_per_second, bool bits, char out[RATE_TEXT_SIZE])
{
	static const char *const prefixes[] = { "", "K", "M", "G", "T" };
	const size_t last = sizeof(prefixes) / sizeof(prefixes[0]) - 1;
	const char *unit = bits ? "bit/s" : "B/s";
	double value = bits ? bytes_per_second * BITS_PER_BYTE : bytes_per_second;
	size_t prefix = 0;

	/* Each limit is where rounding to four digits steps over to the next form: 999.96 is not "1000.0". */
	for (; value >= 999.95 && prefix < last; prefix++)
		value /= 1000;
	if (!isfinite(value) || value < 0)
		snprintf(out, RATE_TEXT_SIZE, "-");
	else if (value < 0.0005)
		snprintf(out, RATE_TEXT_SIZE, "0 %s", unit);
	else if (value >= 9999.5)
		snprintf(out, RATE_TEXT_SIZE, "%.3e %s%s", value, prefixes[prefix], unit);
	else
		snprintf(out, RATE_TEXT_SIZE, "%.*f %s%s",
			 value < 9.9995 ? 3 :
			 value < 99.995 ? 2 :
			 value < 999.95 ? 1 :
					  0,
			 value, prefixes[prefix], unit);
}
