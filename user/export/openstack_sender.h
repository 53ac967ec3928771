/* SPDX-License-Identifier: BSD-2-Clause */
/* The sender's state, shared by the two files that make it up: openstack.c asks, openstack_answers.c hears. */
#ifndef FLOWGAUGE_OPENSTACK_SENDER_H
#define FLOWGAUGE_OPENSTACK_SENDER_H

#include "export/openstack_config.h"
#include "export/openstack_internal.h"

#define OPENSTACK_NS_PER_SECOND 1e9
#define REASON_SIZE 384

enum stage { STAGE_IDLE, STAGE_TOKEN, STAGE_RECORDS, STAGE_RESOURCE, STAGE_WAITING };

struct openstack {
	struct openstack_config_copy settings;
	const struct openstack_config *config; /* in it */
	struct curl_loop *curl_loop;
	struct request request;
	struct loop_timer retry;
	enum stage stage;
	bool closing;
	struct token token;
	bool token_is_fresh;     /* no request has been made with it yet */
	uint64_t token_until_ns; /* CLOCK_MONOTONIC; UINT64_MAX: until it is refused */
	struct record_queue queue;
	size_t under_way; /* of them, in the request that is being made */
	size_t batch_limit;
	char lacking[IF_NAMESIZE];  /* whose resource is to be created; empty: none's */
	size_t created_since_taken; /* a server that wants the same again and again is not believed */
	double wait_seconds;
	char reason[REASON_SIZE]; /* of the last failure, as it was logged; empty: none, or none since */
	struct openstack_report counts;
};

/* openstack.c: makes the next request, if there is one to make. */
void sender_proceed(struct openstack *openstack);

/* openstack_answers.c */
void sender_answered(struct request *request, CURLcode result);
/* One line, unless it is the one said last. */
void sender_say_failing(struct openstack *openstack, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The records that were under way wait with the others. */
void sender_wait(struct openstack *openstack);

#endif
