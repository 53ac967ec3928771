/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request at a time, on a connection that stays. Redirects are not followed and the environment's passwords not
 * looked at: what is pushed, and the password, go where the configuration says and nowhere else. The password is read for
 * each request, so that it can be changed in its file, and is not kept. A line is logged when pushes begin to fail or to
 * succeed, and not for each of them.
 */
#include "export/pushgateway.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "export/gzip.h"
#include "export/prometheus.h"
#include "export/push_password.h"
#include "export/pushgateway_internal.h"

#define LAST_PUSH_SECONDS 2 /* that the end waits for a push under way, and then for the DELETE */
#define DELETE_SECONDS 3
#define ANSWER_MAX ((size_t)65536)
#define WHY_SIZE 512
#define NS_PER_SECOND 1e9

/* --- answers --- */

size_t push_answer_take(char *bytes, size_t size, size_t count, void *context)
{
	struct pushgateway *pushgateway = context;
	size_t length = size * count, have = pushgateway->answer_length;
	size_t room = have < ANSWER_KEPT ? ANSWER_KEPT - have : 0;

	if (length > ANSWER_MAX - have)
		return 0; /* ends the request with an error */
	memcpy(pushgateway->answer + (have < ANSWER_KEPT ? have : ANSWER_KEPT), bytes, length < room ? length : room);
	pushgateway->answer_length += length;
	return length;
}

/* An answer in plain text, as one line. What is said of a wrong password may hold it, and a page is no line. */
static const char *answer_line(struct pushgateway *pushgateway, long status)
{
	size_t kept = pushgateway->answer_length < ANSWER_KEPT ? pushgateway->answer_length : ANSWER_KEPT;
	const char *type = NULL;

	pushgateway->answer[kept] = '\0';
	for (char *c = pushgateway->answer; (c = strpbrk(c, "\r\n")); c++)
		*c = ' ';
	while (kept && pushgateway->answer[kept - 1] == ' ')
		pushgateway->answer[--kept] = '\0';
	(void)curl_easy_getinfo(pushgateway->job.easy, CURLINFO_CONTENT_TYPE, &type);
	if (status == 401 || status == 403 || status == 407 || !type || strncmp(type, "text/plain", 10) != 0)
		return "";
	return pushgateway->answer;
}

static const char *advice(long status)
{
	if (status == 401 || status == 403)
		return ": check pushgateway.basic_auth";
	if (status == 404 || status == 405)
		return ": check the path of pushgateway.url";
	return status >= 300 && status < 400 ? ": give the URL that it redirects to" : "";
}

static enum push_failure failure_of(CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return PUSH_FAILURE_RESOLVE;
	case CURLE_COULDNT_CONNECT:
		return PUSH_FAILURE_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return PUSH_FAILURE_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return PUSH_FAILURE_TLS;
	default:
		return PUSH_FAILURE_TRANSFER;
	}
}

/* PUSH_FAILURES: it succeeded. */
static enum push_failure judge(struct pushgateway *pushgateway, CURLcode result, char why[WHY_SIZE])
{
	long status = 0;
	const char *line;

	if (result) {
		snprintf(why, WHY_SIZE, "%s",
			 *pushgateway->curl_error ? pushgateway->curl_error : curl_easy_strerror(result));
		return failure_of(result);
	}
	(void)curl_easy_getinfo(pushgateway->job.easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return PUSH_FAILURES;
	line = answer_line(pushgateway, status);
	snprintf(why, WHY_SIZE, "it answers %ld%s%s%s", status, *line ? ": " : "", line, advice(status));
	return PUSH_FAILURE_HTTP;
}

/* --- what became of a push --- */

static void failed(struct pushgateway *pushgateway, enum push_failure failure, const char *why)
{
	pushgateway->counts.failures[failure]++;
	pushgateway->failed_in_a_row++;
	push_schedule_failed(&pushgateway->schedule, clock_monotonic_ns());
	if (pushgateway->standing != STANDING_FAILS)
		log_warning("pushes to %s fail: %s; they are tried again", pushgateway->config.url, why);
	else
		log_debug("a push to %s failed: %s", pushgateway->config.url, why);
	pushgateway->standing = STANDING_FAILS;
}

static void succeeded(struct pushgateway *pushgateway)
{
	pushgateway->counts.successes++;
	pushgateway->counts.sent_bytes += pushgateway->body_length;
	pushgateway->counts.last_success_ns = clock_realtime_ns();
	push_schedule_succeeded(&pushgateway->schedule);
	if (pushgateway->standing == STANDING_UNKNOWN)
		log_info("pushing to %s", pushgateway->url.bytes);
	else if (pushgateway->standing == STANDING_FAILS)
		log_info("pushes to %s succeed again, after %llu that failed", pushgateway->config.url,
			 (unsigned long long)pushgateway->failed_in_a_row);
	pushgateway->standing = STANDING_SUCCEEDS;
	pushgateway->failed_in_a_row = 0;
}

static void body_free(struct pushgateway *pushgateway)
{
	free(pushgateway->body);
	pushgateway->body = NULL;
	pushgateway->body_length = 0;
}

static void request_done(struct curl_job *job, CURLcode result)
{
	struct pushgateway *pushgateway = (struct pushgateway *)((char *)job - offsetof(struct pushgateway, job));
	char why[WHY_SIZE];
	enum push_failure failure = judge(pushgateway, result, why);

	if (pushgateway->deleting && failure != PUSH_FAILURES)
		log_warning("the group stays at %s: it could not be deleted: %s", pushgateway->url.bytes, why);
	else if (pushgateway->deleting)
		log_debug("deleted %s", pushgateway->url.bytes);
	else if (failure != PUSH_FAILURES)
		failed(pushgateway, failure, why);
	else
		succeeded(pushgateway);
	body_free(pushgateway);
}

/* --- requests --- */

/* Sets the password anew for each request; libcurl copies it. 0, or -errno with a reason. */
static int set_password(struct pushgateway *pushgateway, char why[WHY_SIZE])
{
	char password[PUSH_PASSWORD_SIZE];
	const char *what = "";
	int error;

	if (!is_given(pushgateway->config.username))
		return 0;
	error = push_password_read(pushgateway->config.password_file, password, &what);
	if (error)
		snprintf(why, WHY_SIZE, "no password can be read from %.200s: %s", pushgateway->config.password_file,
			 what);
	else if (curl_easy_setopt(pushgateway->job.easy, CURLOPT_PASSWORD, password))
		error = -ENOMEM;
	explicit_bzero(password, sizeof(password));
	return error;
}

static int start(struct pushgateway *pushgateway, const char *method, const struct curl_slist *headers)
{
	CURL *easy = pushgateway->job.easy;

	pushgateway->answer_length = 0;
	pushgateway->curl_error[0] = '\0';
	if (curl_easy_setopt(easy, CURLOPT_POSTFIELDS, pushgateway->body ? pushgateway->body : "") ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)pushgateway->body_length) ||
	    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) ||
	    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers))
		return -ENOMEM;
	return curl_loop_start(pushgateway->curl, &pushgateway->job);
}

/* The body of the push that is to come. 0 or -ENOMEM. */
static int render(struct pushgateway *pushgateway, const struct report *report)
{
	struct text text = TEXT_EMPTY;
	int error = 0;

	prometheus_push(pushgateway->config.what, &pushgateway->config.prometheus, report, &text);
	if (text.failed) {
		error = -ENOMEM;
	} else if (pushgateway->config.gzip) {
		error = gzip_compress(text.length ? text.bytes : "", text.length, &pushgateway->body,
				      &pushgateway->body_length);
	} else {
		pushgateway->body_length = text.length;
		pushgateway->body = text_steal(&text);
	}
	text_free(&text);
	return error;
}

static void push(struct pushgateway *pushgateway, const struct report *report)
{
	char why[WHY_SIZE] = "out of memory";
	int error = set_password(pushgateway, why);

	if (error) {
		failed(pushgateway, PUSH_FAILURE_PASSWORD, why);
		return;
	}
	error = render(pushgateway, report);
	if (!error)
		error = start(pushgateway, pushgateway->config.post ? "POST" : "PUT", pushgateway->push_headers);
	if (error) {
		body_free(pushgateway);
		failed(pushgateway, PUSH_FAILURE_TRANSFER, strerror(-error));
		return;
	}
	pushgateway->pushed_once = true;
}

void pushgateway_show(struct pushgateway *pushgateway, const struct report *report)
{
	uint64_t now = clock_monotonic_ns();

	if (!push_schedule_is_due(&pushgateway->schedule, now))
		return;
	push_schedule_begun(&pushgateway->schedule, now);
	if (pushgateway->job.in)
		pushgateway->counts.skipped++;
	else
		push(pushgateway, report);
}

struct push_report pushgateway_counts(const struct pushgateway *pushgateway)
{
	struct push_report counts = pushgateway->counts;

	counts.on = true;
	counts.up_known = pushgateway->standing != STANDING_UNKNOWN;
	counts.up = pushgateway->standing == STANDING_SUCCEEDS;
	return counts;
}

void pushgateway_configure(struct pushgateway *pushgateway, const struct prometheus_config *prometheus)
{
	pushgateway->config.prometheus = *prometheus;
}

/* --- opening --- */

int pushgateway_open(struct loop *loop, const struct pushgateway_config *config, struct pushgateway **out,
		     char error[PUSHGATEWAY_ERROR_SIZE])
{
	struct pushgateway *pushgateway;
	struct push_url url;
	int result;

	if (push_url_parse(config->url, &url)) {
		snprintf(error, PUSHGATEWAY_ERROR_SIZE, "pushgateway.url: %.200s is not %s", config->url,
			 PUSH_URL_RIGHT);
		return -EINVAL;
	}
	result = push_check_files(config, error);
	if (result)
		return result;
	pushgateway = calloc(1, sizeof(*pushgateway));
	result = pushgateway ? 0 : -ENOMEM;
	if (!result) {
		pushgateway->config = *config;
		pushgateway->schedule.interval_ns = (uint64_t)(config->interval_seconds * NS_PER_SECOND);
		pushgateway->job.done = request_done;
		result = curl_loop_new(loop, &pushgateway->curl);
	}
	if (!result) {
		pushgateway->job.easy = curl_easy_init();
		result = pushgateway->job.easy ? push_set_headers(pushgateway) : -ENOMEM;
	}
	if (!result)
		result = push_set_names(pushgateway, &url);
	if (!result)
		result = push_set_options(pushgateway);
	if (result) {
		pushgateway_close(pushgateway);
		snprintf(error, PUSHGATEWAY_ERROR_SIZE, "pushgateway: %s", strerror(-result));
		return result;
	}
	if (is_given(config->username) && !url.tls)
		log_warning("pushgateway.url is http: the password goes over the network for all to read: use https");
	*out = pushgateway;
	return 0;
}

/* --- the end --- */

static void delete_group(struct pushgateway *pushgateway)
{
	char why[WHY_SIZE] = "out of memory";
	int error = set_password(pushgateway, why);

	pushgateway->deleting = true;
	if (!error)
		error = start(pushgateway, "DELETE", pushgateway->delete_headers);
	if (error) {
		log_warning("the group stays at %s: it could not be deleted: %s", pushgateway->url.bytes, why);
		return;
	}
	if (!curl_loop_finish(pushgateway->curl, DELETE_SECONDS))
		log_warning("the group stays at %s: it was not deleted within %d s", pushgateway->url.bytes,
			    DELETE_SECONDS);
}

struct pushgateway *pushgateway_close(struct pushgateway *pushgateway)
{
	if (!pushgateway)
		return NULL;
	if (pushgateway->job.in)
		(void)curl_loop_finish(pushgateway->curl, LAST_PUSH_SECONDS);
	curl_loop_cancel(&pushgateway->job);
	body_free(pushgateway);
	if (pushgateway->config.delete_on_exit && pushgateway->pushed_once)
		delete_group(pushgateway);
	curl_loop_cancel(&pushgateway->job);
	curl_easy_cleanup(pushgateway->job.easy);
	curl_loop_free(pushgateway->curl);
	curl_slist_free_all(pushgateway->push_headers);
	curl_slist_free_all(pushgateway->delete_headers);
	curl_slist_free_all(pushgateway->connect_to);
	text_free(&pushgateway->url);
	free(pushgateway);
	return NULL;
}
