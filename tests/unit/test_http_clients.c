/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that are slow, silent, rude or gone, and addresses that cannot be listened on. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_client.h"
#include "table_sample.h"

#define SILENT_CLIENTS 100
#define MANY_FLOWS 10000
#define SLEEPERS 40

/* Clients that say nothing, or half of something. */
static void test_silent_clients(void **state)
{
	static struct client clients[SILENT_CLIENTS];

	for (int i = 0; i < SILENT_CLIENTS; i++) {
		client_open(*state, &clients[i]);
		if (i % 2)
			client_send(&clients[i], "GET /metrics HTTP/1.1\r\nHost: local");
	}
	for (int i = 0; i < 3; i++) {
		struct text answer = ask_for(*state, "/metrics");

		assert_int_equal(answer_status(&answer), 200);
		text_free(&answer);
	}
	/* One of them goes on, and is answered. */
	client_send(&clients[1], "host\r\nConnection: close\r\n\r\n");
	client_receive(&clients[1], SIZE_MAX);
	assert_int_equal(answer_status(&clients[1].answer), 200);
	for (int i = 0; i < SILENT_CLIENTS; i++)
		client_close(&clients[i]);
}

static void show_many(struct http_bench *bench, uint64_t bytes)
{
	struct report *report = sample_many(MANY_FLOWS);

	report->flows[MANY_FLOWS - 1].bytes = bytes;
	http_show(bench->http, report);
	report_release(report);
}

/* A reader that sleeps in the middle of a page gets the rest of that page, whatever came meanwhile; others do not wait. */
static void test_slow_reader(void **state)
{
	struct http_bench *bench = *state;
	struct text whole, other;
	struct client slow;
	size_t length;

	show_many(bench, 111222333444);
	client_open(bench, &slow);
	client_send(&slow, "GET /api/v1/flows?top=10000 HTTP/1.1\r\nConnection: close\r\n" LOCAL "\r\n");
	client_receive(&slow, 100);
	whole = ask_for(bench, "/api/v1/flows?top=10000");
	show_many(bench, 555666777888);
	other = ask_for(bench, "/api/v1/flows?top=10000");
	assert_true(body_has(&other, "\"bytes\":555666777888,"));
	client_receive(&slow, SIZE_MAX);
	assert_true(slow.ended);
	assert_true(body_has(&slow.answer, "\"bytes\":111222333444,"));
	assert_body(&slow.answer, answer_body(&whole, &length));
	client_close(&slow);
	text_free(&whole);
	text_free(&other);
}

/* Sleeping readers, each with a page of another tick: memory is bounded, and free again once they have gone. */
static void test_sleeping_readers(void **state)
{
	struct http_bench *bench = *state;
	struct client sleepers[SLEEPERS];
	unsigned int status = 200;
	struct text answer;
	int count = 0;

	while (status == 200 && count < SLEEPERS) {
		show_many(bench, 1);
		client_open(bench, &sleepers[count]);
		client_send(&sleepers[count],
			    "GET /api/v1/flows?top=10000 HTTP/1.1\r\nConnection: close\r\n" LOCAL "\r\n");
		client_receive(&sleepers[count], 12);
		sscanf(sleepers[count++].answer.bytes, "HTTP/1.1 %3u", &status);
	}
	assert_int_equal(status, 503);
	answer = ask_for(bench, "/metrics");
	assert_int_equal(answer_status(&answer), 503);
	assert_body(&answer, "too much is still being read by slow clients: ask again in a second\n");
	text_free(&answer);
	answer = ask_for(bench, "/-/healthy");
	assert_int_equal(answer_status(&answer), 200);
	text_free(&answer);
	while (count)
		client_close(&sleepers[--count]);
	/* The server learns of it by and by. */
	do {
		answer = ask_for(bench, "/api/v1/flows?top=10000");
		status = answer_status(&answer);
		text_free(&answer);
	} while (status == 503);
	assert_int_equal(status, 200);
}

/* A client that goes away in the middle of its page, and the server's end with clients still there. */
static void test_clients_that_leave(void **state)
{
	struct http_bench *bench = *state;
	struct client gone, there;
	struct text answer;

	show_many(bench, 1);
	client_open(bench, &gone);
	client_send(&gone, "GET /api/v1/flows?top=10000 HTTP/1.1\r\n" LOCAL "\r\n");
	client_receive(&gone, 100);
	client_close(&gone);
	answer = ask_for(bench, "/-/healthy");
	assert_int_equal(answer_status(&answer), 200);
	text_free(&answer);
	client_open(bench, &there);
	client_send(&there, "GET /api/v1/flows?top=10000 HTTP/1.1\r\n" LOCAL "\r\n");
	client_receive(&there, 100);
	bench->http = http_close(bench->http);
	client_close(&there);
}

static void test_oversized_requests(void **state)
{
	struct text headers = TEXT_EMPTY, line = TEXT_EMPTY, answer;
	unsigned int status;

	text_append(&headers, LOCAL "X-Long: ");
	text_append(&line, "GET /");
	for (int i = 0; i < 40000; i++) {
		text_append_char(&headers, 'x');
		text_append_char(&line, 'y');
	}
	text_append(&headers, "\r\n");
	answer = ask(*state, "GET /metrics", headers.bytes);
	status = answer_status(&answer);
	assert_true(status == 431 || status == 413);
	text_free(&answer);
	answer = ask(*state, line.bytes, LOCAL);
	assert_int_equal(answer_status(&answer), 414);
	text_free(&answer);
	answer = ask_for(*state, "/-/healthy");
	assert_int_equal(answer_status(&answer), 200);
	text_free(&answer);
	text_free(&headers);
	text_free(&line);
}

static void test_no_http(void **state)
{
	struct client client;
	struct text answer;

	client_open(*state, &client);
	client_send(&client, "\x16\x03\x01 hello\r\n\r\n");
	client_receive(&client, SIZE_MAX);
	client_close(&client);
	answer = ask_for(*state, "/-/healthy");
	assert_int_equal(answer_status(&answer), 200);
	text_free(&answer);
}

static void test_errors_of_listening(void **state)
{
	struct http_bench *bench = *state, second = { .loop = bench->loop };
	char error[HTTP_ERROR_SIZE], expected[HTTP_ERROR_SIZE];

	snprintf(expected, sizeof(expected),
		 "cannot listen on 127.0.0.1:%u: Address already in use: choose another with --listen",
		 http_port(bench->http));
	assert_int_equal(http_bench_open(&second, "127.0.0.1", http_port(bench->http), error), -EADDRINUSE);
	assert_string_equal(error, expected);
	assert_int_equal(http_bench_open(&second, "", http_port(bench->http), error), -EADDRINUSE);
	assert_string_equal(error, expected);
	assert_int_equal(http_bench_open(&second, "192.0.2.1", 8080, error), -EADDRNOTAVAIL);
	assert_string_equal(
		error,
		"cannot listen on 192.0.2.1:8080: Cannot assign requested address: choose another with --listen");
	assert_int_equal(http_bench_open(&second, "localhost", 8080, error), -EINVAL);
	assert_string_equal(error, "cannot listen on localhost: not an address in numbers, such as 127.0.0.1 or ::1");
	assert_null(second.http);
}

static bool has_ipv6(void)
{
	const struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && !bind(fd, (const struct sockaddr *)&address, sizeof(address));

	if (fd >= 0)
		close(fd);
	return has;
}

static void test_ipv6(void **state)
{
	struct http_bench *bench = *state, second = { .loop = bench->loop }, third = second;
	char error[HTTP_ERROR_SIZE], expected[HTTP_ERROR_SIZE];

	if (!has_ipv6())
		skip();
	assert_int_equal(http_bench_open(&second, "::1", 0, error), 0);
	snprintf(expected, sizeof(expected),
		 "cannot listen on [::1]:%u: Address already in use: choose another with --listen",
		 http_port(second.http));
	assert_int_equal(http_bench_open(&third, "::1", http_port(second.http), error), -EADDRINUSE);
	assert_string_equal(error, expected);
	second.http = http_close(second.http);
}

/* "::" takes IPv4 too; and who listens beyond loopback may be asked for by any name. */
static void test_any_address(void **state)
{
	struct http_bench *bench = *state, second = { .loop = bench->loop };
	char error[HTTP_ERROR_SIZE];
	struct text answer;

	assert_int_equal(http_bench_open(&second, has_ipv6() ? "::" : "0.0.0.0", 0, error), 0);
	answer = ask(&second, "GET /-/healthy", "Host: monitor.example:8080\r\n");
	assert_int_equal(answer_status(&answer), 200);
	text_free(&answer);
	second.http = http_close(second.http);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_bench_enter, http_bench_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_silent_clients),      TEST(test_slow_reader),
		TEST(test_sleeping_readers),    TEST(test_clients_that_leave),
		TEST(test_oversized_requests),  TEST(test_no_http),
		TEST(test_errors_of_listening), TEST(test_ipv6),
		TEST(test_any_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
