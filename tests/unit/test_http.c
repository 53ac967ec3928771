/* SPDX-License-Identifier: BSD-2-Clause */
/* What is where, in which form, and who may have it: asked over real sockets, one request after the other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "http_client.h"
#include "table_sample.h"

static struct text unzip(const struct text *answer)
{
	size_t length, room = 64 << 20;
	const char *body = answer_body(answer, &length);
	char *bytes = malloc(room);
	z_stream stream = {
		.next_in = (Bytef *)body, .avail_in = (uInt)length, .next_out = (Bytef *)bytes, .avail_out = (uInt)room
	};
	struct text text = TEXT_EMPTY;

	assert_non_null(bytes);
	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	text_append_bytes(&text, bytes, stream.total_out);
	inflateEnd(&stream);
	free(bytes);
	return text;
}

static void test_routes(void **state)
{
	static const struct {
		const char *line, *headers;
		unsigned int status;
		const char *type, *part; /* of the body */
	} rows[] = {
		{ "GET /", LOCAL, 200, "text/html; charset=utf-8", "<title>flowgauge</title>" },
		{ "GET /metrics", LOCAL, 200, "text/plain; version=0.0.4; charset=utf-8",
		  "flowgauge_flow_packets_total{" },
		{ "GET /metrics?x=1", LOCAL, 200, "text/plain; version=0.0.4; charset=utf-8",
		  "# TYPE flowgauge_flow_bytes_total" },
		{ "GET /metrics", LOCAL "Accept: application/openmetrics-text;version=1.0.0\r\n", 200,
		  "application/openmetrics-text; version=1.0.0; charset=utf-8", "\n# EOF\n" },
		{ "GET /api/v1/status", LOCAL, 200, "application/json", "{\"running\":true}\n" },
		{ "GET /api/v1/flows", LOCAL, 200, "application/json",
		  "\"count\":3,\"flows_live\":3,\"flows_followed\":3,\"flows\":[{\"type\":\"flow\"" },
		{ "GET /api/v1/flows?top=1", LOCAL, 200, "application/json", "\"rtt\":null}]}\n" },
		{ "GET /api/v1/totals", LOCAL, 200, "application/json", "\"totals\":[{\"type\":\"total\"" },
		{ "GET /-/healthy", LOCAL, 200, "text/plain; charset=utf-8", "flowgauge is healthy.\n" },
		{ "GET /-/ready", LOCAL, 200, "text/plain; charset=utf-8", "flowgauge is ready.\n" },
		{ "GET /api/v1/flows?top=0", LOCAL, 400, "text/plain; charset=utf-8",
		  "top=0 is not a whole number from 1 to 10000\n" },
		{ "GET /api/v1/flows?top=10001", LOCAL, 400, "text/plain; charset=utf-8",
		  "top=10001 is not a whole number from 1 to 10000\n" },
		{ "GET /api/v1/flows?top=ten", LOCAL, 400, "text/plain; charset=utf-8",
		  "top=ten is not a whole number from 1 to 10000\n" },
		{ "GET /api/v1/flows?top", LOCAL, 400, "text/plain; charset=utf-8",
		  "top= is not a whole number from 1 to 10000\n" },
		{ "GET /api/v1/flows?top=1&top=2", LOCAL, 400, "text/plain; charset=utf-8",
		  "top stands twice: leave one\n" },
		{ "GET /api/v1/flows?tpo=1", LOCAL, 400, "text/plain; charset=utf-8",
		  "tpo: there is no such query: there are top, offset, sort, match and time\n" },
		{ "GET /api/v1/flows?sort=packets&top=1", LOCAL, 200, "application/json",
		  "\"next\":\"?top=1&offset=1&sort=packets&time=2026-11-21T08%3A00%3A00.123456789Z\",\"count\":3" },
		{ "GET /api/v1/flows?match=-+-+-+50000+TCP", LOCAL, 200, "application/json",
		  "\"matched\":1,\"offset\":0,\"next\":null,\"count\":3,\"flows_live\":3,\"flows_followed\":3,\"flows\":[{" },
		{ "GET /api/v1/flows?offset=3", LOCAL, 200, "application/json",
		  "\"matched\":3,\"offset\":3,\"next\":null" },
		{ "GET /api/v1/flows?match=-%20-%20-%20-", LOCAL, 400, "text/plain; charset=utf-8",
		  "match: a rule of 4 fields: 5 would be right, " },
		{ "GET /api/v1/flows?match=", LOCAL, 400, "text/plain; charset=utf-8", "match: a rule of 0 fields" },
		{ "GET /api/v1/flows?match", LOCAL, 400, "text/plain; charset=utf-8", "match: a rule of 0 fields" },
		{ "GET /api/v1/flows?sort=speed", LOCAL, 400, "text/plain; charset=utf-8",
		  "sort=speed is none of throughput, goodput, packets," },
		{ "GET /api/v1/flows?offset=-1", LOCAL, 400, "text/plain; charset=utf-8",
		  "offset=-1 is not a whole number from 0 to 16777216\n" },
		{ "GET /api/v1/flows?sort=bytes&sort=bytes", LOCAL, 400, "text/plain; charset=utf-8",
		  "sort stands twice: leave one\n" },
		{ "GET /api/v1/groups", LOCAL, 200, "application/json", "\"interval_seconds\":1,\"groups\":[]}\n" },
		{ "GET /nothing", LOCAL, 404, "text/plain; charset=utf-8", "/api/v1/totals " },
		{ "GET /metrics/", LOCAL, 404, "text/plain; charset=utf-8", "not found; there is\n" },
		{ "GET /-/reload", LOCAL, 405, "text/plain; charset=utf-8", "/-/reload takes POST\n" },
		{ "POST /metrics", LOCAL "Content-Length: 0\r\n", 405, "text/plain; charset=utf-8",
		  "/metrics takes GET, HEAD\n" },
		{ "DELETE /", LOCAL, 405, "text/plain; charset=utf-8", "/ takes GET, HEAD\n" },
		{ "ET /", LOCAL, 405, "text/plain; charset=utf-8", "/ takes GET, HEAD\n" },
		{ "GET /metrics", "Host: 127.0.0.1\r\n", 200, "text/plain; version=0.0.4; charset=utf-8",
		  "flowgauge_flows" },
		{ "GET /metrics", "Host: [::1]:8080\r\n", 200, "text/plain; version=0.0.4; charset=utf-8",
		  "flowgauge_flows" },
		{ "GET /metrics", "Host: evil.example:8080\r\n", 403, "text/plain; charset=utf-8",
		  "ask for localhost, 127.0.0.1 or [::1], not for another host\n" },
		{ "GET /nothing", "Host: evil.example\r\n", 403, "text/plain; charset=utf-8", "loopback" },
		{ "POST /-/reload", "Host: evil.example\r\nContent-Length: 0\r\n", 403, "text/plain; charset=utf-8",
		  "loopback" },
	};
	struct http_bench *bench = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text answer = ask(bench, rows[i].line, rows[i].headers);

		if (answer_status(&answer) != rows[i].status)
			fail_msg("%s: %u", rows[i].line, answer_status(&answer));
		assert_string_equal(answer_header(&answer, "Content-Type"), rows[i].type);
		assert_string_equal(answer_header(&answer, "X-Content-Type-Options"), "nosniff");
		assert_string_equal(answer_header(&answer, "Cache-Control"), "no-store");
		if (!body_has(&answer, rows[i].part))
			fail_msg("%s: %s", rows[i].line, answer.bytes);
		text_free(&answer);
	}
	assert_int_equal(bench->reloads, 0);
}

static void test_allow_header(void **state)
{
	struct text answer = ask(*state, "POST /api/v1/flows", LOCAL "Content-Length: 0\r\n");

	assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD");
	text_free(&answer);
	answer = ask(*state, "GET /-/reload", LOCAL);
	assert_string_equal(answer_header(&answer, "Allow"), "POST");
	text_free(&answer);
}

/* The same headers as GET, and no body. */
static void test_head(void **state)
{
	static const char *const paths[] = { "/",          "/metrics", "/api/v1/status", "/api/v1/flows",
					     "/-/healthy", "/nothing" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct text get = ask_for(*state, paths[i]), head;
		char line[64], length[32];

		snprintf(line, sizeof(line), "HEAD %s", paths[i]);
		head = ask(*state, line, LOCAL);
		assert_int_equal(answer_status(&head), answer_status(&get));
		snprintf(length, sizeof(length), "%s", answer_header(&get, "Content-Length"));
		assert_string_equal(answer_header(&head, "Content-Length"), length);
		assert_body(&head, "");
		text_free(&get);
		text_free(&head);
	}
}

static void test_gzip(void **state)
{
	static const char *const paths[] = { "/metrics", "/api/v1/flows?top=2", "/api/v1/flows?sort=bytes",
					     "/api/v1/totals" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct text plain = ask_for(*state, paths[i]), zipped, unzipped;
		char line[64];

		snprintf(line, sizeof(line), "GET %s", paths[i]);
		zipped = ask(*state, line, LOCAL "Accept-Encoding: deflate, gzip;q=0.5\r\n");
		assert_null(answer_header(&plain, "Content-Encoding"));
		assert_string_equal(answer_header(&zipped, "Content-Encoding"), "gzip");
		assert_non_null(strstr(answer_header(&zipped, "Vary"), "Accept-Encoding"));
		unzipped = unzip(&zipped);
		assert_body(&plain, unzipped.bytes);
		text_free(&plain);
		text_free(&zipped);
		text_free(&unzipped);
	}
}

/* First of all readers, and of OpenMetrics. */
static void test_gzip_before_plain(void **state)
{
	struct text zipped = ask(*state, "GET /metrics",
				 LOCAL "Accept-Encoding: gzip\r\nAccept: application/openmetrics-text\r\n");
	struct text unzipped = unzip(&zipped);

	assert_non_null(strstr(unzipped.bytes, "flowgauge_flow_packets_total{"));
	assert_string_equal(unzipped.bytes + unzipped.length - 6, "# EOF\n");
	text_free(&zipped);
	text_free(&unzipped);
}

/* A document is made once a report: even what changes by itself stands still until the next. */
static void test_documents_are_kept(void **state)
{
	struct http_bench *bench = *state;
	struct text first = ask_for(bench, "/metrics"), second = ask_for(bench, "/metrics"), third;
	struct report *report = sample_many(5);
	size_t length;

	assert_body(&second, answer_body(&first, &length));
	http_show(bench->http, report);
	report_release(report);
	third = ask_for(bench, "/metrics");
	assert_true(body_has(&third, "src=\"10.0.0.5\""));
	assert_false(body_has(&first, "src=\"10.0.0.5\""));
	text_free(&first);
	text_free(&second);
	text_free(&third);
	/* Each number of flows is a document of its own. */
	first = ask_for(bench, "/api/v1/flows?top=2");
	second = ask_for(bench, "/api/v1/flows?top=3");
	third = ask_for(bench, "/api/v1/flows?top=2");
	assert_true(second.length > first.length);
	assert_body(&third, answer_body(&first, &length));
	text_free(&first);
	text_free(&second);
	text_free(&third);
}

static void test_configure(void **state)
{
	struct http_bench *bench = *state;
	const struct prometheus_config config = { .legacy = true };
	struct text before = ask_for(bench, "/metrics"), after;

	http_configure(bench->http, &config);
	after = ask_for(bench, "/metrics");
	assert_false(body_has(&before, "\nudp_throughput 75000000\n"));
	assert_true(body_has(&after, "\nudp_throughput 75000000\n"));
	text_free(&before);
	text_free(&after);
}

static void test_reload(void **state)
{
	static const struct {
		int result;
		const char *error, *headers;
		unsigned int status;
		const char *body;
		int reloads;
	} rows[] = {
		{ 0, NULL, "", 200, "reloaded\n", 1 },
		{ 0, NULL, "Origin: http://localhost:8080\r\n", 200, "reloaded\n", 1 },
		{ 0, NULL, "Origin: http://evil.example\r\n", 403,
		  "a page of another site may not reload the configuration\n", 0 },
		{ 0, NULL, "Origin: null\r\n", 403, "a page of another site may not reload the configuration\n", 0 },
		{ -EINVAL, "config.json line 3: hook: no", "", 400, "config.json line 3: hook: no\n", 1 },
		{ -ENOMEM, "out of memory", "", 500, "out of memory\n", 1 },
		{ -ENOENT, NULL, "", 500, "No such file or directory\n", 1 },
	};
	struct http_bench *bench = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char headers[200];
		struct text answer;

		bench->reloads = 0;
		bench->reload_result = rows[i].result;
		bench->reload_error = rows[i].error;
		snprintf(headers, sizeof(headers), LOCAL "%sContent-Length: 0\r\n", rows[i].headers);
		answer = ask(bench, "POST /-/reload", headers);
		assert_int_equal(answer_status(&answer), rows[i].status);
		assert_body(&answer, rows[i].body);
		assert_int_equal(bench->reloads, rows[i].reloads);
		text_free(&answer);
	}
}

/* A body is read and not looked at; a large one is refused before it is sent. */
static void test_bodies(void **state)
{
	struct http_bench *bench = *state;
	struct client client;
	struct text answer;

	client_open(bench, &client);
	client_send(&client,
		    "POST /-/reload HTTP/1.1\r\nConnection: close\r\n" LOCAL "Transfer-Encoding: chunked\r\n\r\n");
	client_send(&client, "5\r\nhello\r\n");
	client_send(&client, "0\r\n\r\n");
	client_receive(&client, SIZE_MAX);
	assert_int_equal(answer_status(&client.answer), 200);
	assert_int_equal(bench->reloads, 1);
	client_close(&client);
	answer = ask(bench, "POST /-/reload", LOCAL "Content-Length: 1000000\r\nExpect: 100-continue\r\n");
	assert_int_equal(answer_status(&answer), 413);
	assert_body(&answer, "no request here needs a body\n");
	assert_int_equal(bench->reloads, 1);
	text_free(&answer);
}

static void test_ready(void **state)
{
	struct http_bench *bench = *state;
	struct text answer;

	bench->why_not_ready = "no interface matches eth*";
	answer = ask_for(bench, "/-/ready");
	assert_int_equal(answer_status(&answer), 503);
	assert_body(&answer, "flowgauge is not ready: no interface matches eth*\n");
	text_free(&answer);
}

static void test_no_report_yet(void **state)
{
	struct http_bench *bench = *state;
	static const char *const paths[] = { "/metrics", "/api/v1/flows", "/api/v1/totals" };
	char error[HTTP_ERROR_SIZE];

	bench->http = http_close(bench->http);
	assert_int_equal(http_bench_open(bench, "127.0.0.1", 0, error), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct text answer = ask_for(bench, paths[i]);

		assert_int_equal(answer_status(&answer), 503);
		assert_string_equal(answer_header(&answer, "Retry-After"), "1");
		assert_body(&answer, "there is no report yet: ask again after a tick\n");
		text_free(&answer);
	}
}

/* The page runs its own script and no other, under a number that is new each time. */
static void test_page(void **state)
{
	char policies[2][512];

	for (int i = 0; i < 2; i++) {
		struct text answer = ask_for(*state, "/");
		char tag[128], nonce[33];
		const char *policy = answer_header(&answer, "Content-Security-Policy");

		assert_non_null(policy);
		snprintf(policies[i], sizeof(policies[i]), "%s", policy);
		assert_int_equal(sscanf(policy, "default-src 'none'; script-src 'nonce-%32[0-9a-f]'", nonce), 1);
		assert_int_equal(strlen(nonce), 32);
		snprintf(tag, sizeof(tag), "<script nonce=\"%s\">", nonce);
		assert_true(body_has(&answer, tag));
		snprintf(tag, sizeof(tag), "<style nonce=\"%s\">", nonce);
		assert_true(body_has(&answer, tag));
		assert_true(body_has(&answer, "</html>\n"));
		assert_false(body_has(&answer, "NONCE"));
		assert_false(body_has(&answer, "innerHTML"));
		assert_false(body_has(&answer, "http://"));
		assert_false(body_has(&answer, "https://"));
		text_free(&answer);
	}
	assert_string_not_equal(policies[0], policies[1]);
}

static void test_two_requests_on_one_connection(void **state)
{
	struct client client;

	client_open(*state, &client);
	client_send(&client, "GET /-/healthy HTTP/1.1\r\n" LOCAL
			     "\r\nGET /-/ready HTTP/1.1\r\nConnection: close\r\n" LOCAL "\r\n");
	client_receive(&client, SIZE_MAX);
	assert_true(client.ended);
	assert_non_null(strstr(client.answer.bytes, "flowgauge is healthy.\n"));
	assert_non_null(strstr(client.answer.bytes, "flowgauge is ready.\n"));
	client_close(&client);
}

/* Before HTTP/1.1 nobody had to name a host. */
static void test_without_host(void **state)
{
	struct client client;

	client_open(*state, &client);
	client_send(&client, "GET /-/healthy HTTP/1.0\r\n\r\n");
	client_receive(&client, SIZE_MAX);
	assert_int_equal(answer_status(&client.answer), 200);
	client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_bench_enter, http_bench_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_allow_header),
		TEST(test_head),
		TEST(test_gzip),
		TEST(test_gzip_before_plain),
		TEST(test_documents_are_kept),
		TEST(test_configure),
		TEST(test_reload),
		TEST(test_bodies),
		TEST(test_ready),
		TEST(test_no_report_yet),
		TEST(test_page),
		TEST(test_two_requests_on_one_connection),
		TEST(test_without_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
