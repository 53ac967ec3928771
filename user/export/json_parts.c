/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/json_parts.h"

#include <arpa/inet.h>
#include <stdio.h>

void record_open(struct json_writer *json, const char *type, uint64_t realtime_ns)
{
	json_object_open(json, NULL);
	json_string(json, "type", type);
	member_time(json, "time", realtime_ns);
}

void document_open(struct json_writer *json, struct text *out, uint64_t realtime_ns)
{
	json_begin(json, out);
	json_object_open(json, NULL);
	member_time(json, "time", realtime_ns);
}

void member_time(struct json_writer *json, const char *key, uint64_t realtime_ns)
{
	char time[TIME_TEXT_SIZE];

	time_format(realtime_ns, time);
	json_string(json, key, time);
}

void member_time_if(struct json_writer *json, const char *key, bool known, uint64_t realtime_ns)
{
	if (known)
		member_time(json, key, realtime_ns);
	else
		json_null(json, key);
}

void member_u64_if(struct json_writer *json, const char *key, bool known, uint64_t value)
{
	if (known)
		json_u64(json, key, value);
	else
		json_null(json, key);
}

void member_interface(struct json_writer *json, const char interface[IF_NAMESIZE])
{
	char name[IF_NAMESIZE + 1];

	snprintf(name, sizeof(name), "%.*s", IF_NAMESIZE, interface);
	json_string(json, "interface", name);
}

void member_address(struct json_writer *json, const char *key, unsigned int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	address_format((int)family, address, text);
	json_string(json, key, text);
}

void member_protocol(struct json_writer *json, unsigned int protocol)
{
	const char *name = protocol_name(protocol);

	if (name)
		json_string(json, "protocol", name);
	else
		json_u64(json, "protocol", protocol);
}
