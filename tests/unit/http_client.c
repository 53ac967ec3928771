/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/flow_rules.h"
#include "table_sample.h"

static void hook_status(void *context, struct text *json)
{
	(void)context;
	text_append(json, "{\"running\":true}");
}

static bool hook_ready(void *context, struct text *why_not)
{
	const struct http_bench *bench = context;

	if (bench->why_not_ready)
		text_append(why_not, bench->why_not_ready);
	return !bench->why_not_ready;
}

static int hook_reload(void *context, struct text *error)
{
	struct http_bench *bench = context;

	bench->reloads++;
	if (bench->reload_error)
		text_append(error, bench->reload_error);
	return bench->reload_result;
}

int http_bench_open(struct http_bench *bench, const char *address, uint16_t port, char error[HTTP_ERROR_SIZE])
{
	const struct http_config config = { .address = address, .port = port };
	const struct http_hooks hooks = { bench, hook_status, hook_ready, hook_reload, flow_rules };

	return http_open(bench->loop, &config, &hooks, &bench->http, error);
}

int http_bench_enter(void **state)
{
	struct http_bench *bench = calloc(1, sizeof(*bench));
	struct report *report = sample_mixed();
	char error[HTTP_ERROR_SIZE];

	assert_non_null(bench);
	assert_int_equal(loop_new(&bench->loop), 0);
	assert_int_equal(http_bench_open(bench, "127.0.0.1", 0, error), 0);
	http_show(bench->http, report);
	report_release(report);
	alarm(HANGS_SECONDS);
	*state = bench;
	return 0;
}

int http_bench_leave(void **state)
{
	struct http_bench *bench = *state;

	alarm(0);
	bench->http = http_close(bench->http);
	bench->loop = loop_free(bench->loop);
	free(bench);
	return 0;
}

static void client_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct client *client = (struct client *)((char *)source - offsetof(struct client, source));
	char bytes[16384];
	size_t room = client->wanted - client->answer.length;
	ssize_t length = recv(source->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);

	(void)epoll_events;
	if (length > 0)
		text_append_bytes(&client->answer, bytes, (size_t)length);
	client->ended = length <= 0;
	if (client->ended || client->answer.length == client->wanted)
		loop_stop(source->loop);
}

void client_open(struct http_bench *bench, struct client *client)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(http_port(bench->http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int small = 4096; /* so that an answer does not fit the socket */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*client = (struct client){ .source = { .fd = -1, .ready = client_ready } };
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(loop_add(bench->loop, &client->source, fd, 0), 0);
}

void client_send(struct client *client, const char *bytes)
{
	assert_int_equal(send(client->source.fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

void client_receive(struct client *client, size_t wanted)
{
	struct loop *loop = client->source.loop;

	client->wanted = wanted;
	assert_int_equal(loop_modify(&client->source, EPOLLIN), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(loop_modify(&client->source, 0), 0);
}

void client_close(struct client *client)
{
	int fd = client->source.fd;

	loop_remove(&client->source);
	close(fd);
	text_free(&client->answer);
}

struct text ask(struct http_bench *bench, const char *request_line, const char *headers)
{
	struct text request = TEXT_EMPTY, answer;
	struct client client;

	text_appendf(&request, "%s HTTP/1.1\r\nConnection: close\r\n%s\r\n", request_line, headers);
	client_open(bench, &client);
	client_send(&client, request.bytes);
	text_free(&request);
	client_receive(&client, SIZE_MAX);
	assert_true(client.ended);
	answer = client.answer;
	client.answer = TEXT_EMPTY;
	client_close(&client);
	return answer;
}

struct text ask_for(struct http_bench *bench, const char *path)
{
	char line[256];

	snprintf(line, sizeof(line), "GET %s", path);
	return ask(bench, line, "Host: localhost\r\n");
}

unsigned int answer_status(const struct text *answer)
{
	unsigned int status = 0;

	assert_true(answer->length > 12);
	assert_int_equal(sscanf(answer->bytes, "HTTP/1.%*1[01] %3u", &status), 1);
	return status;
}

const char *answer_body(const struct text *answer, size_t *length)
{
	const char *end = memmem(answer->bytes, answer->length, "\r\n\r\n", 4);

	assert_non_null(end);
	*length = answer->length - (size_t)(end + 4 - answer->bytes);
	return end + 4;
}

const char *answer_header(const struct text *answer, const char *name)
{
	static char value[512];
	size_t body_length, name_length = strlen(name);
	const char *body = answer_body(answer, &body_length), *line = answer->bytes;

	while ((line = strstr(line, "\r\n")) && line + 4 < body) {
		line += 2;
		if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + name_length + 2, "\r"),
			 line + name_length + 2);
		return value;
	}
	return NULL;
}

bool body_has(const struct text *answer, const char *part)
{
	size_t length;
	const char *body = answer_body(answer, &length);

	return memmem(body, length, part, strlen(part)) != NULL;
}

void assert_body(const struct text *answer, const char *expected)
{
	size_t length;
	const char *body = answer_body(answer, &length);

	assert_int_equal(length, strlen(expected));
	assert_memory_equal(body, expected, length);
}
