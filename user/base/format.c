/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The field's own things as text: a time, an address, a protocol, a rate. A tick of JSON holds them by the hundred
 * thousand, so times and addresses are written by hand; inet_ntop() would also write ::/96 as if it held an IPv4 address.
 */
#include "base/text.h"

#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/number.h"

#define NS_PER_SECOND 1000000000ULL
#define SECONDS_PER_DAY 86400
#define BITS_PER_BYTE 8
#define PROTOCOL_LINE_SIZE 1024 /* of /etc/protocols */
#define GROUPS 8                /* of 16 bits, in an IPv6 address */
#define MAPPED_ZEROS 5          /* groups before the ffff of an IPv4-mapped address */

/* `width` digits, with zeros in front. */
static char *write_digits(uint64_t value, unsigned int width, char *out)
{
	for (unsigned int i = width; i; i--, value /= 10)
		out[i - 1] = (char)('0' + value % 10);
	return out + width;
}

/*
 * Days since 1970-01-01 as a date, in years that begin in March, so that a leap day is the last of its year:
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 */
static char *write_date(uint64_t days, char *out)
{
	uint64_t shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
	uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t march_month = (5 * day_of_year + 2) / 153;
	uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;

	out = write_digits(era * 400 + year_of_era + (month <= 2), 4, out);
	*out++ = '-';
	out = write_digits(month, 2, out);
	*out++ = '-';
	return write_digits(day_of_year - (153 * march_month + 2) / 5 + 1, 2, out);
}

void time_format(uint64_t realtime_ns, char out[TIME_TEXT_SIZE])
{
	uint64_t seconds = realtime_ns / NS_PER_SECOND, of_day = seconds % SECONDS_PER_DAY;

	out = write_date(seconds / SECONDS_PER_DAY, out);
	*out++ = 'T';
	out = write_digits(of_day / 3600, 2, out);
	*out++ = ':';
	out = write_digits(of_day / 60 % 60, 2, out);
	*out++ = ':';
	out = write_digits(of_day % 60, 2, out);
	*out++ = '.';
	out = write_digits(realtime_ns % NS_PER_SECOND, 9, out);
	*out++ = 'Z';
	*out = '\0';
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
	struct run best = { 0 }, run = { 0 };

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
	char line[PROTOCOL_LINE_SIZE];
	struct protoent entry, *found;
	int number = -1;

	setprotoent(0);
	while (number < 0 && !getprotoent_r(&entry, line, sizeof(line), &found) && found)
		if (entry.p_proto >= 0 && entry.p_proto <= UINT8_MAX && is_called(&entry, name))
			number = entry.p_proto;
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
