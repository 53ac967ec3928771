/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One POST at a time over one kept connection. What comes is taken into memory up to a limit. Redirects are not followed:
 * the token and the password go where the configuration says, and nowhere else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "export/openstack_internal.h"

#define SUBJECT_TOKEN "X-Subject-Token:"
#define RETRY_AFTER_MAX 3600 /* seconds */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
	struct request *request = context;
	size_t length = size * count;

	if (length > ANSWER_MAX - request->answer.length) {
		request->answer_too_long = true;
		return 0; /* ends the transfer */
	}
	text_append_bytes(&request->answer, bytes, length);
	return request->answer.failed ? 0 : length;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
	struct request *request = context;
	size_t length = size * count, skipped = sizeof(SUBJECT_TOKEN) - 1, used;

	if (length < skipped || strncasecmp(bytes, SUBJECT_TOKEN, skipped) != 0)
		return length;
	while (skipped < length && is_space(bytes[skipped]))
		skipped++;
	used = length;
	while (used > skipped && is_space(bytes[used - 1]))
		used--;
	used -= skipped;
	if (used >= sizeof(request->subject_token))
		used = 0; /* no token at all rather than half of one */
	memcpy(request->subject_token, bytes + skipped, used);
	request->subject_token[used] = '\0';
	return length;
}

static void read_status(struct request *request)
{
	CURL *easy = request->job.easy;
	curl_off_t after = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &request->status))
		request->status = 0;
	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after) || after < 0)
		after = 0;
	request->retry_after_seconds = (double)(after < RETRY_AFTER_MAX ? after : RETRY_AFTER_MAX);
}

static void job_done(struct curl_job *job, CURLcode result)
{
	struct request *request = (struct request *)job;

	read_status(request);
	request_forget_body(request);
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	request->answered(request, result);
}

int request_open(struct request *request, struct curl_loop *curl_loop, const struct openstack_config *config)
{
	CURL *easy = curl_easy_init();
	CURLcode wrong;

	request->curl_loop = curl_loop;
	request->job = (struct curl_job){ .easy = easy, .done = job_done };
	if (!easy)
		return -ENOMEM;
	wrong = curl_easy_setopt(easy, CURLOPT_POST, 1L);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (!wrong) /* a name that is still being looked up must not hold up the end */
		wrong = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(config->timeout_seconds * 1000));
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_USERAGENT, "flowgauge/" FLOWGAUGE_VERSION);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	if (!wrong)
		wrong = curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	if (!wrong && *config->ca_file)
		wrong = curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	return wrong ? -ENOMEM : 0;
}

void request_close(struct request *request)
{
	curl_loop_cancel(&request->job);
	if (request->job.easy)
		curl_easy_cleanup(request->job.easy);
	request->job.easy = NULL;
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	request_forget_body(request);
	text_free(&request->url);
	text_free(&request->body);
	text_free(&request->answer);
	explicit_bzero(request->subject_token, sizeof(request->subject_token));
}

void request_forget_body(struct request *request)
{
	if (request->body.bytes)
		explicit_bzero(request->body.bytes, request->body.capacity);
	text_clear(&request->body);
}

static int add_header(struct request *request, const char *line)
{
	struct curl_slist *longer = curl_slist_append(request->headers, line);

	if (!longer)
		return -ENOMEM;
	request->headers = longer;
	return 0;
}

static int make_headers(struct request *request, const char *token)
{
	struct text line cleanup(text_free) = TEXT_EMPTY;

	/* No Expect: a server that does not know it costs a second a request. */
	if (add_header(request, "Content-Type: application/json") || add_header(request, "Accept: application/json") ||
	    add_header(request, "Expect:"))
		return -ENOMEM;
	if (!token)
		return 0;
	text_append(&line, "X-Auth-Token: ");
	text_append(&line, token);
	return line.failed ? -ENOMEM : add_header(request, line.bytes);
}

int request_send(struct request *request, const char *token)
{
	CURL *easy = request->job.easy;

	text_clear(&request->answer);
	request->answer_too_long = false;
	request->subject_token[0] = '\0';
	request->status = 0;
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	if (request->url.failed || request->body.failed || make_headers(request, token))
		return -ENOMEM;
	if (curl_easy_setopt(easy, CURLOPT_URL, request->url.bytes) ||
	    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.bytes) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length))
		return -ENOMEM;
	return curl_loop_start(request->curl_loop, &request->job);
}
