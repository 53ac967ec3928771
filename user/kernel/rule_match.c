/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a rule means, written to be obviously right: the compiled tables are tested against it.
 *
 * Ports are those of protocols that have ports. A flow of ICMP has the ports 0 in its key because a key has no other
 * way to say "none"; a rule that names ports does not mean it, not even with the port 0.
 */
#include "kernel/rule.h"

#include <arpa/inet.h>
#include <string.h>

bool rule_protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static bool prefix_covers(const struct rule_address *prefix, const uint8_t *address)
{
	unsigned int whole = prefix->prefix_length / 8, rest = prefix->prefix_length % 8;

	if (memcmp(prefix->bytes, address, whole))
		return false;
	return !rest || !((prefix->bytes[whole] ^ address[whole]) >> (8 - rest));
}

static bool address_matches(const struct rule *rule, enum rule_field field, uint8_t family, const __be32 address[4])
{
	for (unsigned int i = 0; i < rule->address_count[field]; i++)
		if (rule->addresses[field][i].family == family &&
		    prefix_covers(&rule->addresses[field][i], (const uint8_t *)address))
			return true;
	return !rule->address_count[field];
}

static bool port_matches(const struct rule *rule, enum rule_field field, uint8_t protocol, uint16_t port)
{
	if (!rule->port_count[field])
		return true;
	if (!rule_protocol_has_ports(protocol))
		return false;
	for (unsigned int i = 0; i < rule->port_count[field]; i++)
		if (rule->ports[field][i].low <= port && port <= rule->ports[field][i].high)
			return true;
	return false;
}

static bool protocol_matches(const struct rule *rule, uint8_t protocol)
{
	return !rule->protocol_count || memchr(rule->protocols, protocol, rule->protocol_count);
}

bool rule_matches(const struct rule *rule, const struct flow_key *key)
{
	return address_matches(rule, RULE_SOURCE, key->family, key->src) &&
	       address_matches(rule, RULE_DESTINATION, key->family, key->dst) &&
	       port_matches(rule, RULE_SOURCE, key->protocol, ntohs(key->sport)) &&
	       port_matches(rule, RULE_DESTINATION, key->protocol, ntohs(key->dport)) &&
	       protocol_matches(rule, key->protocol);
}

static bool has_family(const struct rule *rule, enum rule_field field, uint8_t family)
{
	for (unsigned int i = 0; i < rule->address_count[field]; i++)
		if (rule->addresses[field][i].family == family)
			return true;
	return !rule->address_count[field];
}

const char *rule_never_matches(const struct rule *rule)
{
	bool names_ports = rule->port_count[RULE_SOURCE] || rule->port_count[RULE_DESTINATION];
	bool has_ports = !rule->protocol_count;

	for (unsigned int i = 0; i < rule->protocol_count; i++)
		has_ports |= rule_protocol_has_ports(rule->protocols[i]);
	if (names_ports && !has_ports)
		return "it names ports, but no protocol that has ports: TCP, UDP and SCTP have";
	for (uint8_t family = 4; family <= 6; family += 2)
		if (has_family(rule, RULE_SOURCE, family) && has_family(rule, RULE_DESTINATION, family))
			return NULL;
	return "its sources and destinations have no address family in common";
}
