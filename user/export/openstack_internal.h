/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the way to OpenStack share: records in the queue, requests, and the documents of three services. */
#ifndef FLOWGAUGE_OPENSTACK_INTERNAL_H
#define FLOWGAUGE_OPENSTACK_INTERNAL_H

#include <net/if.h>

#include "base/text.h"
#include "export/curl_loop.h"
#include "export/openstack.h"

#define BATCH_MAX 100                /* records in one request to Gnocchi */
#define TOKEN_SIZE 16384             /* those of old Keystones hold a signed document */
#define ANSWER_MAX ((size_t)1 << 20) /* bytes of an answer that are read */
#define RESOURCE_ID_SIZE 255         /* Gnocchi's limit */

struct record {
	char interface[IF_NAMESIZE];
	uint64_t time_ns;
	const char *life; /* NULL: a sample */
	double volume;
	size_t value_count;
	struct openstack_value values[];
};

/* openstack_record.c */
struct record *record_new(const struct openstack_sample *sample); /* NULL: no memory */
bool record_has_numbers(const struct record *record);

/* The records that wait, oldest first, in a ring. */
struct record_queue {
	struct record **slots; /* owned */
	size_t limit, head, count;
};
int queue_open(struct record_queue *queue, size_t limit);
void queue_close(struct record_queue *queue);
struct record *queue_at(const struct record_queue *queue, size_t index);
/*
 * Takes the record over. If there is no room, the oldest that is not among the first `kept` makes it, or else the new one
 * is lost. True if nothing was lost.
 */
bool queue_put(struct record_queue *queue, struct record *record, size_t kept);
void queue_drop(struct record_queue *queue, size_t count); /* the oldest */

/* openstack_request.c: one request at a time, one connection kept. */
struct request {
	struct curl_job job; /* first: callbacks get it */
	struct curl_loop *curl_loop;
	void (*answered)(struct request *request, CURLcode result);
	struct curl_slist *headers;
	struct text url, body;
	/* What came */
	struct text answer;
	bool answer_too_long;
	char subject_token[TOKEN_SIZE]; /* X-Subject-Token; empty: none */
	long status;
	double retry_after_seconds; /* 0: the server did not say */
};

int request_open(struct request *request, struct curl_loop *curl_loop, const struct openstack_config *config);
void request_close(struct request *request);
/* A POST of request->body to request->url, as JSON; `token` may be NULL. 0 or -errno. */
int request_send(struct request *request, const char *token);
void request_forget_body(struct request *request); /* overwrites it: it may hold the password */

/* openstack_keystone.c */
struct token {
	char id[TOKEN_SIZE];     /* printable ASCII without spaces; empty: none */
	double lifetime_seconds; /* from when it was issued; NaN: the server did not say */
};
int password_read(const struct openstack_config *config, char out[OPENSTACK_PASSWORD_SIZE],
		  char error[OPENSTACK_ERROR_SIZE]);
void keystone_url(const struct openstack_config *config, struct text *url);
void keystone_document(const struct openstack_config *config, const char *password, struct text *out);
/* `subject_token`: the header's, for v3. `now_ns`: since the epoch, for servers that do not say when the token was issued. */
int keystone_token(enum openstack_api api, const struct text *answer, const char *subject_token, uint64_t now_ns,
		   struct token *out);

/* openstack_ceilometer.c */
void ceilometer_url(const struct openstack_config *config, struct text *url);
void ceilometer_document(const struct openstack_config *config, const struct record *record, struct text *out);

/* openstack_gnocchi.c */
void gnocchi_measures_url(const struct openstack_config *config, struct text *url);
void gnocchi_resource_url(const struct openstack_config *config, struct text *url);
void gnocchi_resource_id(const struct openstack_config *config, const char *interface, char out[RESOURCE_ID_SIZE + 1]);
/* The oldest `count` records. */
void gnocchi_measures_document(const struct openstack_config *config, const struct record_queue *queue, size_t count,
			       struct text *out);
void gnocchi_resource_document(const struct openstack_config *config, const char *interface, struct text *out);
/* True if the answer to a batch says that this interface's resource does not exist. */
bool gnocchi_lacks_resource(const struct openstack_config *config, const struct text *answer, const char *interface);

#endif
