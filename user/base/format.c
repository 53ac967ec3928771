/* SPDX-License-Identifier: BSD-2-Clause */
/* Times, addresses, protocols and rates as people read them. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/number.h"
#include "base/text.h"

#define NS_PER_SECOND ((uint64_t)1000000000)

void time_format(uint64_t realtime_ns, char out[TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_SECOND);
	char date[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, TIME_TEXT_SIZE, "%.23s.%09" PRIu64 "Z", date, realtime_ns % NS_PER_SECOND);
}

void address_format(int family, const void *address, char *out)
{
	if (!inet_ntop(family == 4 ? AF_INET : AF_INET6, address, out, INET6_ADDRSTRLEN))
		strcpy(out, "?");
}

static const struct {
	unsigned int number;
	const char *name;
} protocols[] = {
	{ 1, "ICMP" }, { 6, "TCP" }, { 17, "UDP" }, { 58, "ICMPv6" }, { 132, "SCTP" },
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

const char *protocol_name(unsigned int protocol)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return NULL;
}

int protocol_number(const char *name)
{
	char lower[64];
	const struct protoent *entry;
	uint64_t number;
	size_t length = strlen(name);

	if (!number_parse_u64(name, 0, 255, &number))
		return (int)number;
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (!strcasecmp(protocols[i].name, name))
			return (int)protocols[i].number;
	if (!length || length >= sizeof(lower))
		return -1;
	for (size_t i = 0; i <= length; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	entry = getprotobyname(lower);
	return entry && entry->p_proto >= 0 && entry->p_proto <= 255 ? entry->p_proto : -1;
}

void rate_format(double bytes_per_second, bool bits, char out[RATE_TEXT_SIZE])
{
	static const char *const prefixes[] = { "", "K", "M", "G", "T" };
	double value = bits ? bytes_per_second * 8 : bytes_per_second;
	size_t prefix = 0;
	int decimals;

	if (!isfinite(value) || value < 0) {
		strcpy(out, "-");
		return;
	}
	/* 999.95 would be shown as 1000. */
	while (value >= 999.95 && prefix + 1 < sizeof(prefixes) / sizeof(prefixes[0])) {
		value /= 1000;
		prefix++;
	}
	if (value == floor(value) && prefix == 0)
		decimals = 0;
	else
		decimals = value < 9.9995 ? 3 : value < 99.995 ? 2 : 1;
	snprintf(out, RATE_TEXT_SIZE, "%.*f %s%s", decimals, value > 1e15 ? 1e15 : value, prefixes[prefix], bits ? "bit/s" : "B/s");
}
