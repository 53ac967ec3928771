/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request at a time: a token, then what waits, and between them the resources that Gnocchi turns out to lack. Each
 * answer decides the next step, so there is no plan that could go stale while the server is away.
 */
#include "export/openstack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "export/openstack_sender.h"

static bool needs_token(const struct openstack *openstack)
{
	if (!*openstack->token.id)
		return true;
	return !openstack->token_is_fresh && clock_monotonic_ns() >= openstack->token_until_ns;
}

static int ask_for_token(struct openstack *openstack)
{
	char password[OPENSTACK_PASSWORD_SIZE], error[OPENSTACK_ERROR_SIZE];
	struct request *request = &openstack->request;
	int status = password_read(openstack->config, password, error);

	if (status) {
		sender_say_failing(openstack, "%s", error);
		return status;
	}
	keystone_url(openstack->config, &request->url);
	keystone_document(openstack->config, password, &request->body);
	explicit_bzero(password, sizeof(password));
	return request_send(request, NULL);
}

static int create_resource(struct openstack *openstack)
{
	gnocchi_resource_url(openstack->config, &openstack->request.url);
	gnocchi_resource_document(openstack->config, openstack->lacking, &openstack->request.body);
	return request_send(&openstack->request, openstack->token.id);
}

static int send_records(struct openstack *openstack)
{
	struct request *request = &openstack->request;
	size_t count = openstack->queue.count < openstack->batch_limit ? openstack->queue.count :
									 openstack->batch_limit;

	if (openstack->config->api == OPENSTACK_GNOCCHI) {
		gnocchi_measures_url(openstack->config, &request->url);
		gnocchi_measures_document(openstack->config, &openstack->queue, count, &request->body);
	} else {
		count = 1;
		ceilometer_url(openstack->config, &request->url);
		ceilometer_document(openstack->config, queue_at(&openstack->queue, 0), &request->body);
	}
	openstack->under_way = count;
	return request_send(request, openstack->token.id);
}

void sender_proceed(struct openstack *openstack)
{
	int error;

	openstack->stage = STAGE_IDLE;
	if (!openstack->queue.count)
		return;
	text_clear(&openstack->request.url);
	request_forget_body(&openstack->request);
	if (needs_token(openstack)) {
		openstack->stage = STAGE_TOKEN;
		error = ask_for_token(openstack);
	} else if (*openstack->lacking) {
		openstack->stage = STAGE_RESOURCE;
		error = create_resource(openstack);
	} else {
		openstack->stage = STAGE_RECORDS;
		error = send_records(openstack);
	}
	if (!error)
		return;
	if (error == -ENOMEM)
		sender_say_failing(openstack, "out of memory: records wait");
	sender_wait(openstack);
}

static void retry_expired(struct loop_timer *timer, uint64_t expirations)
{
	struct openstack *openstack = (struct openstack *)((char *)timer - offsetof(struct openstack, retry));

	(void)expirations;
	openstack->stage = STAGE_IDLE;
	sender_proceed(openstack);
}

static void put(struct openstack *openstack, struct record *record)
{
	if (!record || !queue_put(&openstack->queue, record, openstack->under_way)) {
		if (!openstack->counts.lost)
			log_warning("openstack: records are lost, the oldest first: %zu wait already",
				    openstack->queue.count);
		openstack->counts.lost++;
	}
	if (openstack->stage == STAGE_IDLE)
		sender_proceed(openstack);
}

void openstack_offer(struct openstack *openstack, const struct openstack_sample *sample)
{
	struct record *record;

	if (!openstack)
		return;
	record = record_new(sample);
	if (record && openstack->config->api == OPENSTACK_GNOCCHI && !record_has_numbers(record)) {
		free(record); /* nothing is known of the interface, and that cannot be said there */
		return;
	}
	put(openstack, record);
}

void openstack_offer_life(struct openstack *openstack, const char *word, uint64_t time_ns)
{
	struct openstack_sample sample = { .time_ns = time_ns };
	struct record *record;

	if (!openstack || openstack->config->api != OPENSTACK_CEILOMETER_V2)
		return;
	record = record_new(&sample);
	if (record)
		record->life = word;
	put(openstack, record);
}

struct openstack_report openstack_report(const struct openstack *openstack)
{
	struct openstack_report report = { 0 };

	if (!openstack)
		return report;
	report = openstack->counts;
	report.enabled = true;
	report.queued = openstack->queue.count;
	report.queue_limit = openstack->queue.limit;
	return report;
}

static struct openstack *openstack_free(struct openstack *openstack)
{
	loop_timer_remove(&openstack->retry);
	request_close(&openstack->request);
	openstack->curl_loop = curl_loop_free(openstack->curl_loop);
	queue_close(&openstack->queue);
	openstack_config_forget(&openstack->settings);
	explicit_bzero(&openstack->token, sizeof(openstack->token));
	free(openstack);
	return NULL;
}

static int open_parts(struct loop *loop, struct openstack *openstack)
{
	int error = queue_open(&openstack->queue, openstack->config->queue_limit);

	if (!error)
		error = curl_loop_new(loop, &openstack->curl_loop);
	if (!error)
		error = request_open(&openstack->request, openstack->curl_loop, openstack->config);
	if (!error)
		error = loop_timer_add(loop, &openstack->retry);
	return error;
}

int openstack_open(struct loop *loop, const struct openstack_config *config, struct openstack **out,
		   char error[OPENSTACK_ERROR_SIZE])
{
	struct openstack *openstack = calloc(1, sizeof(*openstack));
	char password[OPENSTACK_PASSWORD_SIZE];
	int status = openstack ? 0 : -ENOMEM;

	snprintf(error, OPENSTACK_ERROR_SIZE, "out of memory");
	if (status)
		return status;
	openstack->retry.source.fd = -1;
	openstack->retry.expired = retry_expired;
	openstack->request.answered = sender_answered;
	openstack->batch_limit = BATCH_MAX;
	status = openstack_config_keep(config, &openstack->settings);
	openstack->config = &openstack->settings.config;
	openstack->wait_seconds = openstack->config->retry_first_seconds;
	if (!status)
		status = open_parts(loop, openstack);
	if (!status) /* who starts the monitor is told now, and not by a line in a log in half a minute */
		status = password_read(openstack->config, password, error);
	explicit_bzero(password, sizeof(password));
	if (status) {
		openstack_free(openstack);
		return status;
	}
	*out = openstack;
	return 0;
}

struct openstack *openstack_close(struct openstack *openstack, double seconds)
{
	if (!openstack)
		return NULL;
	openstack->closing = true;
	if (openstack->stage == STAGE_WAITING || openstack->stage == STAGE_IDLE)
		sender_proceed(openstack);
	(void)curl_loop_finish(openstack->curl_loop, seconds);
	if (openstack->queue.count)
		log_warning("openstack: %zu records are lost at the end: %s did not take them in time",
			    openstack->queue.count, openstack->config->url);
	return openstack_free(openstack);
}
