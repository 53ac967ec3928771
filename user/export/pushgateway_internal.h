/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the Pushgateway's client share: pushgateway.c, and push_setup.c, which prepares its requests. */
#ifndef FLOWGAUGE_PUSHGATEWAY_INTERNAL_H
#define FLOWGAUGE_PUSHGATEWAY_INTERNAL_H

#include "export/curl_loop.h"
#include "export/push_schedule.h"
#include "export/pushgateway.h"

#define ANSWER_KEPT 400 /* bytes of an answer that a line may quote */

enum standing { STANDING_UNKNOWN, STANDING_SUCCEEDS, STANDING_FAILS };

struct pushgateway {
	struct pushgateway_config config;
	struct curl_loop *curl;
	struct curl_job job;
	struct curl_slist *push_headers, *delete_headers, *connect_to;
	struct text url; /* of the group */
	struct push_schedule schedule;
	struct push_report counts;
	enum standing standing;
	uint64_t failed_in_a_row;
	bool deleting;
	bool pushed_once; /* or tried: there may be a group */
	char *body;
	size_t body_length;
	char answer[ANSWER_KEPT + 1];
	size_t answer_length; /* all of it */
	char curl_error[CURL_ERROR_SIZE];
};

static inline bool is_given(const char *text)
{
	return text && *text;
}

/* 0, or -errno with one line, if a file that is named cannot be read. */
int push_check_files(const struct pushgateway_config *config, char line[PUSHGATEWAY_ERROR_SIZE]);
/* What is the same for all requests. 0 or -ENOMEM. */
int push_set_headers(struct pushgateway *pushgateway);
int push_set_names(struct pushgateway *pushgateway, const struct push_url *url);
int push_set_options(struct pushgateway *pushgateway);

/* libcurl's callback for an answer's bytes. */
size_t push_answer_take(char *bytes, size_t size, size_t count, void *context);

#endif
