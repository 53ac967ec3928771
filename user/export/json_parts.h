/* SPDX-License-Identifier: BSD-2-Clause */
/* Members that records of several kinds have, and how records and documents begin: each is written one way, here. */
#ifndef FLOWGAUGE_JSON_PARTS_H
#define FLOWGAUGE_JSON_PARTS_H

#include <net/if.h>

#include "base/json_writer.h"

/* An object with its type and its time; the caller goes on with it, and closes it. */
void record_open(struct json_writer *json, const char *type, uint64_t realtime_ns);
/* A document of the report of that time; likewise. */
void document_open(struct json_writer *json, struct text *out, uint64_t realtime_ns);

void member_time(struct json_writer *json, const char *key, uint64_t realtime_ns);
void member_time_if(struct json_writer *json, const char *key, bool known, uint64_t realtime_ns);
void member_u64_if(struct json_writer *json, const char *key, bool known, uint64_t value);
void member_interface(struct json_writer *json, const char interface[IF_NAMESIZE]);
void member_address(struct json_writer *json, const char *key, unsigned int family, const void *address);
void member_protocol(struct json_writer *json, unsigned int protocol); /* its name, else its number */

#endif
