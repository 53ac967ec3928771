/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an answer means. What can be right another time (no answer, 5xx, 401, 403, 404) is tried again after growing waits,
 * and the records stay in the queue. What the server calls wrong in itself (400 and the like) is not sent twice; of a batch,
 * each record is then tried alone, so that one bad record does not take 99 good ones with it.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "export/openstack_sender.h"

#define RENEW_SECONDS 60 /* a token is renewed so long before it ends */
#define LIFETIME_MAX 1e9 /* seconds; a token that claims to last longer is asked for anew after these */

static void say_working(struct openstack *openstack)
{
	if (*openstack->reason)
		log_info("openstack: %s takes records again; %zu wait", openstack->config->url, openstack->queue.count);
	else if (!openstack->counts.success_ns)
		log_info("openstack: %s takes records", openstack->config->url);
	openstack->reason[0] = '\0';
}

/* One line a change: a server that stays away for the same reason is not news. */
void sender_say_failing(struct openstack *openstack, const char *format, ...)
{
	char reason[REASON_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	if (!strcmp(reason, openstack->reason))
		return;
	memcpy(openstack->reason, reason, sizeof(reason));
	log_warning("openstack: %s", reason);
}

void sender_wait(struct openstack *openstack)
{
	const struct openstack_config *config = openstack->config;
	double wait = fmax(openstack->wait_seconds, openstack->request.retry_after_seconds);

	openstack->counts.failures++;
	openstack->counts.answered = false;
	openstack->request.retry_after_seconds = 0;
	openstack->under_way = 0;
	openstack->stage = STAGE_WAITING;
	openstack->wait_seconds = fmin(2 * openstack->wait_seconds, config->retry_most_seconds);
	if (openstack->closing)
		return;
	if (loop_timer_set(&openstack->retry, (uint64_t)(wait * OPENSTACK_NS_PER_SECOND), 0))
		log_error("openstack: no timer: records wait until the monitor is started again");
}

static const char *what_would_help(const struct openstack *openstack, long status)
{
	bool token = openstack->stage == STAGE_TOKEN;

	if (token && status == 401)
		return "give the right openstack.username, project, domains and password";
	if (status == 401 || status == 403)
		return "the user needs the right to write there";
	if (status == 404)
		return token ? "is openstack.auth_url Keystone's address?" : "is openstack.url the service's address?";
	return "it is tried again";
}

static void fail(struct openstack *openstack, CURLcode result)
{
	const struct request *request = &openstack->request;

	if (request->answer_too_long)
		sender_say_failing(openstack, "%s: the answer is longer than %zu bytes: is it the right address?",
				   request->url.bytes, ANSWER_MAX);
	else if (result)
		sender_say_failing(openstack, "%s: %s: records wait until it answers", request->url.bytes,
				   curl_easy_strerror(result));
	else
		sender_say_failing(openstack, "%s: status %ld: %s", request->url.bytes, request->status,
				   what_would_help(openstack, request->status));
	sender_wait(openstack);
}

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

/* The document itself is what the server objects to: the same again would fare no better. */
static bool is_refusal(long status)
{
	return status == 400 || status == 409 || status == 413 || status == 415 || status == 422;
}

static void token_answered(struct openstack *openstack, CURLcode result)
{
	struct request *request = &openstack->request;
	uint64_t now = clock_monotonic_ns();
	int error;

	if (result || !is_success(request->status)) {
		fail(openstack, result);
		return;
	}
	error = keystone_token(openstack->config->api, &request->answer, request->subject_token, clock_realtime_ns(),
			       &openstack->token);
	if (error) {
		sender_say_failing(openstack,
				   "%s: the answer holds no token: is openstack.auth_url Keystone's address?",
				   request->url.bytes);
		sender_wait(openstack);
		return;
	}
	openstack->counts.tokens++;
	openstack->token_is_fresh = true;
	openstack->token_until_ns = UINT64_MAX;
	if (!isnan(openstack->token.lifetime_seconds))
		openstack->token_until_ns =
			now +
			(uint64_t)(fmin(fmax(openstack->token.lifetime_seconds - RENEW_SECONDS, 0), LIFETIME_MAX) *
				   OPENSTACK_NS_PER_SECOND);
	sender_proceed(openstack);
}

/* True if the answer was 401, and what is to be done about it is under way. */
static bool token_refused(struct openstack *openstack, bool was_fresh)
{
	if (openstack->request.status != 401)
		return false;
	openstack->token.id[0] = '\0';
	/* One that was good a moment ago has ended or been revoked; a new one that is not taken will not be the next time. */
	if (was_fresh)
		fail(openstack, CURLE_OK);
	else
		sender_proceed(openstack);
	return true;
}

static void records_taken(struct openstack *openstack)
{
	say_working(openstack);
	openstack->counts.sent += openstack->under_way;
	openstack->counts.answered = true;
	openstack->counts.success_ns = clock_realtime_ns();
	queue_drop(&openstack->queue, openstack->under_way);
	openstack->under_way = 0;
	openstack->created_since_taken = 0;
	openstack->wait_seconds = openstack->config->retry_first_seconds;
	if (openstack->batch_limit < BATCH_MAX)
		openstack->batch_limit = 2 * openstack->batch_limit < BATCH_MAX ? 2 * openstack->batch_limit :
										  BATCH_MAX;
	sender_proceed(openstack);
}

static void records_refused(struct openstack *openstack)
{
	if (openstack->under_way > 1) {
		openstack->batch_limit = 1;
	} else {
		sender_say_failing(openstack, "%s: status %ld: the record is refused and dropped",
				   openstack->request.url.bytes, openstack->request.status);
		openstack->counts.refused++;
		openstack->counts.answered = true;
		queue_drop(&openstack->queue, 1);
	}
	openstack->under_way = 0;
	sender_proceed(openstack);
}

static bool resource_lacks(struct openstack *openstack)
{
	if (openstack->config->api != OPENSTACK_GNOCCHI || openstack->request.status != 400 ||
	    openstack->created_since_taken >= openstack->under_way)
		return false;
	for (size_t i = 0; i < openstack->under_way; i++) {
		const char *interface = queue_at(&openstack->queue, i)->interface;

		if (!gnocchi_lacks_resource(openstack->config, &openstack->request.answer, interface))
			continue;
		snprintf(openstack->lacking, sizeof(openstack->lacking), "%s", interface);
		return true;
	}
	return false;
}

static void records_answered(struct openstack *openstack, CURLcode result, bool was_fresh)
{
	long status = openstack->request.status;

	if (result) {
		fail(openstack, result);
	} else if (is_success(status)) {
		records_taken(openstack);
	} else if (token_refused(openstack, was_fresh)) {
		return;
	} else if (resource_lacks(openstack)) {
		openstack->under_way = 0;
		sender_proceed(openstack);
	} else if (is_refusal(status)) {
		records_refused(openstack);
	} else {
		fail(openstack, CURLE_OK);
	}
}

/* 409: another monitor, or an earlier life of this one, made it meanwhile. */
static void resource_answered(struct openstack *openstack, CURLcode result, bool was_fresh)
{
	long status = openstack->request.status;

	if (result || (!is_success(status) && status != 401 && status != 409)) {
		fail(openstack, result);
		return;
	}
	if (token_refused(openstack, was_fresh))
		return;
	openstack->lacking[0] = '\0';
	openstack->created_since_taken++;
	sender_proceed(openstack);
}

void sender_answered(struct request *request, CURLcode result)
{
	struct openstack *openstack = (struct openstack *)((char *)request - offsetof(struct openstack, request));
	enum stage stage = openstack->stage;
	bool was_fresh = openstack->token_is_fresh;

	if (stage != STAGE_TOKEN)
		openstack->token_is_fresh = false;
	if (stage == STAGE_TOKEN)
		token_answered(openstack, result);
	else if (stage == STAGE_RESOURCE)
		resource_answered(openstack, result, was_fresh);
	else
		records_answered(openstack, result, was_fresh);
}
