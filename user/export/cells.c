/* SPDX-License-Identifier: BSD-2-Clause */
/* Integers are written in full: a counter that is rounded for the eye cannot be compared with another tool's. */
#include "export/cells.h"

#include <arpa/inet.h>
#include <math.h>

#define MILLISECONDS 1e3
#define SMALLEST_MILLISECOND 0.00005 /* below it four decimals are 0, and "-0.0000" would be a riddle */

void cell_count(struct text *out, uint64_t count)
{
	text_append_u64(out, count);
}

void cell_count_if(struct text *out, bool known, uint64_t count)
{
	if (known)
		text_append_u64(out, count);
	else
		text_append(out, CELL_UNKNOWN);
}

void cell_rate(struct text *out, double bytes_per_second, bool bits)
{
	char rate[RATE_TEXT_SIZE];

	if (!isfinite(bytes_per_second)) {
		text_append(out, CELL_UNKNOWN);
		return;
	}
	rate_format(bytes_per_second, bits, rate);
	text_append(out, rate);
}

void cell_milliseconds(struct text *out, double seconds)
{
	double milliseconds = seconds * MILLISECONDS;

	if (!isfinite(milliseconds))
		text_append(out, CELL_UNKNOWN);
	else
		text_appendf(out, "%.4f", fabs(milliseconds) < SMALLEST_MILLISECOND ? 0.0 : milliseconds);
}

void cell_decimal(struct text *out, double value)
{
	if (isfinite(value))
		text_appendf(out, "%.1f", value);
	else
		text_append(out, CELL_UNKNOWN);
}

void cell_interface(struct text *out, const char *name)
{
	for (size_t i = 0; i < IF_NAMESIZE && name[i]; i++)
		text_append_char(out, name[i] > ' ' && name[i] <= '~' ? name[i] : '?');
}

void cell_direction(struct text *out, unsigned int direction)
{
	text_append(out, direction == DIRECTION_INGRESS ? "in" : "out");
}

void cell_protocol(struct text *out, unsigned int protocol)
{
	const char *name = protocol_name(protocol);

	if (name)
		text_append(out, name);
	else
		text_append_u64(out, protocol);
}

static bool has_ports(const struct flow_key *key)
{
	return key->sport || key->dport || key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP ||
	       key->protocol == IPPROTO_SCTP;
}

void cell_end_point(struct text *out, const struct flow_key *key, bool source)
{
	bool brackets = key->family == 6 && has_ports(key);
	char address[INET6_ADDRSTRLEN];

	address_format(key->family, source ? key->src : key->dst, address);
	if (brackets)
		text_append_char(out, '[');
	text_append(out, address);
	if (brackets)
		text_append_char(out, ']');
	if (!has_ports(key))
		return;
	text_append_char(out, ':');
	text_append_u64(out, ntohs(source ? key->sport : key->dport));
}

void cell_vlan(struct text *out, const struct flow_key *key)
{
	const char *separator = "";

	for (size_t i = 0; i < VLAN_MAX_DEPTH; i++) {
		if (!(key->vlan[i] & VLAN_PRESENT))
			continue;
		text_append(out, separator);
		text_append_u64(out, key->vlan[i] & VLAN_ID_MASK);
		separator = ".";
	}
}
