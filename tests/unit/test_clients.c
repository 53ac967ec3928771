/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that answers a line with the same line, or with as many bytes as it says, and clients on the same loop that are slow,
 * silent, long-winded or gone. Nothing here depends on how fast the machine is: the loop runs until the other side has ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clients.h"

#define REQUEST_MAX 6000
#define HOUR_NS (3600 * 1000000000ULL)
#define LONG_ANSWER 4000000 /* bytes: more than sockets hold */

struct server {
	struct loop *loop;
	struct clients *clients;
	struct sockaddr_un address;
	socklen_t address_size;
	unsigned int received; /* calls */
};

/* What the server keeps of a client beside the client itself: where the line would have to go on. */
struct line_client {
	struct client client; /* first */
	size_t seen;
};

static bool received(void *context, struct client *client, size_t fresh)
{
	struct line_client *line = (struct line_client *)client;
	struct server *server = context;

	server->received++;
	line->seen += fresh;
	assert_int_equal(line->seen, client->request.length);
	if (client->request.bytes[client->request.length - 1] != '\n')
		return false;
	if (!strcmp(client->request.bytes, "wrong\n"))
		client_refuse(client, "that is wrong");
	for (long left = strtol(client->request.bytes, NULL, 10); left > 0; left--)
		text_append_char(&client->answer, 'x');
	if (!client->answer.length && strcmp(client->request.bytes, "nothing\n"))
		text_append(&client->answer, client->request.bytes);
	return true;
}

static void refuse(struct client *client, const char *line)
{
	text_append(&client->answer, "error: ");
	text_append(&client->answer, line);
}

/* At an address that the kernel chooses, which leaves no file. */
static struct server *server_open(uint64_t patience_ns, const char *late)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	struct server *server = calloc(1, sizeof(*server));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct clients_config config = {
		.client_size = sizeof(struct line_client),
		.request_max = REQUEST_MAX,
		.patience_ns = patience_ns,
		.cut_short = "the line has no end",
		.late = late,
		.received = received,
		.refuse = refuse,
	};

	assert_non_null(server);
	config.context = server;
	server->address_size = sizeof(server->address);
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)), 0);
	assert_int_equal(listen(fd, 2 * CLIENTS_MAX), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&server->address, &server->address_size), 0);
	assert_int_equal(loop_new(&server->loop), 0);
	assert_int_equal(clients_new(server->loop, fd, &config, &server->clients), 0);
	return server;
}

static void server_close(struct server *server)
{
	assert_null(clients_free(server->clients));
	assert_null(loop_free(server->loop));
	free(server);
}

static int open_server(void **state)
{
	*state = server_open(HOUR_NS, NULL);
	return 0;
}

static int close_server(void **state)
{
	server_close(*state);
	return 0;
}

struct caller {
	struct loop_source source; /* first */
	int fd;
	size_t wanted; /* bytes: the loop stops when so many are there; 0: at the end */
	struct text heard;
	bool ended, reset;
};

static void listen_on(struct loop_source *source, uint32_t events)
{
	struct caller *caller = (struct caller *)source;
	char chunk[8192];
	ssize_t got = recv(source->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	(void)events;
	if (got > 0)
		text_append_bytes(&caller->heard, chunk, (size_t)got);
	caller->ended = !got;
	caller->reset = got < 0 && errno != EAGAIN;
	if (caller->ended || caller->reset || (caller->wanted && caller->heard.length >= caller->wanted))
		loop_stop(source->loop);
}

static struct caller caller_open(const struct server *server)
{
	struct caller caller = { .source = { .fd = -1, .ready = listen_on }, .heard = TEXT_EMPTY };

	caller.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(caller.fd, (const struct sockaddr *)&server->address, server->address_size), 0);
	return caller;
}

static void caller_say(const struct caller *caller, const char *words)
{
	assert_int_equal(send(caller->fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* Until the server has ended its side, or `wanted` bytes are there. */
static void caller_hear(struct caller *caller, const struct server *server)
{
	assert_int_equal(loop_add(server->loop, &caller->source, caller->fd, EPOLLIN), 0);
	assert_int_equal(loop_run(server->loop), 0);
	loop_remove(&caller->source);
	assert_false(caller->reset);
}

static void caller_close(struct caller *caller)
{
	assert_int_equal(close(caller->fd), 0);
	text_free(&caller->heard);
}

static void assert_heard(struct caller *caller, const struct server *server, const char *words)
{
	caller_hear(caller, server);
	assert_true(caller->ended);
	assert_int_equal(caller->heard.length, strlen(words));
	if (*words)
		assert_string_equal(caller->heard.bytes, words);
}

static void assert_answered(const struct server *server, const char *said, const char *heard)
{
	struct caller caller = caller_open(server);

	caller_say(&caller, said);
	assert_heard(&caller, server, heard);
	caller_close(&caller);
}

/* Everything that was ready is done with: another client has asked after it. */
static void settle(const struct server *server)
{
	assert_answered(server, "settled\n", "settled\n");
}

static void a_request_is_answered_once_and_the_end_follows(void **state)
{
	assert_answered(*state, "one\n", "one\n");
	assert_answered(*state, "wrong\n", "error: that is wrong");
	assert_answered(*state, "two\n", "two\n");
}

static void a_request_may_come_in_pieces(void **state)
{
	struct caller caller = caller_open(*state);
	struct server *server = *state;

	caller_say(&caller, "in");
	settle(server);
	caller_say(&caller, " pieces");
	settle(server);
	caller_say(&caller, "\n");
	assert_heard(&caller, server, "in pieces\n");
	assert_int_equal(server->received, 2 + 3);
	caller_close(&caller);
}

static void a_request_that_is_cut_short_is_told_so(void **state)
{
	struct caller caller = caller_open(*state);

	caller_say(&caller, "cut");
	assert_int_equal(shutdown(caller.fd, SHUT_WR), 0);
	assert_heard(&caller, *state, "error: the line has no end");
	caller_close(&caller);
}

static void no_answer_is_an_error(void **state)
{
	assert_answered(*state, "nothing\n", "error: out of memory");
}

static void the_longest_request_is_taken_and_a_longer_one_is_not(void **state)
{
	char words[REQUEST_MAX + 2];

	memset(words, 'x', sizeof(words));
	words[REQUEST_MAX - 1] = '\n';
	words[REQUEST_MAX] = '\0';
	assert_answered(*state, words, words);
	words[REQUEST_MAX - 1] = 'x';
	words[REQUEST_MAX] = '\n';
	words[REQUEST_MAX + 1] = '\0';
	assert_answered(*state, words, "error: the request is over 6000 bytes");
}

/* It goes on talking after its request was refused: what it hears is whole for all that, and its place becomes free. */
static void what_follows_an_answer_is_dropped(void **state)
{
	struct caller caller = caller_open(*state);

	caller_say(&caller, "wrong\n");
	assert_heard(&caller, *state, "error: that is wrong");
	caller_say(&caller, "and another thing\n");
	settle(*state);
	assert_int_equal(((struct server *)*state)->received, 2);
	caller_close(&caller);
	settle(*state);
}

/* One that reads nothing holds up nobody, and gets all that it was to get when it does read. */
static void a_long_answer_goes_as_it_is_taken(void **state)
{
	struct caller slow = caller_open(*state);

	caller_say(&slow, "4000000\n");
	settle(*state);
	slow.wanted = 1;
	caller_hear(&slow, *state);
	assert_true(slow.heard.length > 0 && slow.heard.length < LONG_ANSWER);
	settle(*state);
	slow.wanted = 0;
	caller_hear(&slow, *state);
	assert_true(slow.ended);
	assert_int_equal(slow.heard.length, LONG_ANSWER);
	assert_int_equal(strspn(slow.heard.bytes, "x"), LONG_ANSWER);
	caller_close(&slow);
}

static void one_that_leaves_in_the_middle_is_let_go(void **state)
{
	struct caller asking = caller_open(*state), reading = caller_open(*state);

	caller_say(&asking, "half a req");
	caller_say(&reading, "4000000\n");
	reading.wanted = 1;
	caller_hear(&reading, *state);
	caller_close(&asking);
	caller_close(&reading);
	settle(*state);
}

static void if_there_are_too_many_the_first_goes(void **state)
{
	struct caller callers[CLIENTS_MAX + 3];

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		callers[i] = caller_open(*state);
		caller_say(&callers[i], "who ");
	}
	/* All places are taken, so these cost the first ones theirs, who are told nothing. */
	settle(*state);
	for (size_t i = CLIENTS_MAX; i < CLIENTS_MAX + 3; i++)
		callers[i] = caller_open(*state);
	settle(*state);
	for (size_t i = 0; i < 3; i++)
		assert_heard(&callers[i], *state, "");
	for (size_t i = CLIENTS_MAX + 3 - 1; i > 4; i--) {
		caller_say(&callers[i], "am I?\n");
		assert_heard(&callers[i], *state, i < CLIENTS_MAX ? "who am I?\n" : "am I?\n");
	}
	for (size_t i = 0; i < CLIENTS_MAX + 3; i++)
		caller_close(&callers[i]);
}

static void one_that_never_finishes_is_told_why_or_nothing(void **state)
{
	static const char *const late[] = { "you took too long", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(late) / sizeof(*late); i++) {
		struct server *server = server_open(1000000, late[i]);
		struct caller caller = caller_open(server);

		caller_say(&caller, "I was going to");
		assert_heard(&caller, server, late[i] ? "error: you took too long" : "");
		caller_close(&caller);
		server_close(server);
	}
}

static void whoever_is_there_at_the_end_is_let_go(void **state)
{
	struct server *server = server_open(HOUR_NS, NULL);
	struct caller caller = caller_open(server);
	char byte;

	(void)state;
	caller_say(&caller, "still");
	settle(server);
	server_close(server);
	assert_int_equal(recv(caller.fd, &byte, 1, 0), 0);
	caller_close(&caller);
	assert_null(clients_free(NULL));
}

static void what_does_not_poll_is_refused(void **state)
{
	const struct clients_config config = { .client_size = sizeof(struct client) };
	struct clients *clients = NULL;

	assert_int_equal(clients_new(((struct server *)*state)->loop, -1, &config, &clients), -EBADF);
	assert_null(clients);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(a_request_is_answered_once_and_the_end_follows),
		WITH_SERVER(a_request_may_come_in_pieces),
		WITH_SERVER(a_request_that_is_cut_short_is_told_so),
		WITH_SERVER(no_answer_is_an_error),
		WITH_SERVER(the_longest_request_is_taken_and_a_longer_one_is_not),
		WITH_SERVER(what_follows_an_answer_is_dropped),
		WITH_SERVER(a_long_answer_goes_as_it_is_taken),
		WITH_SERVER(one_that_leaves_in_the_middle_is_let_go),
		WITH_SERVER(if_there_are_too_many_the_first_goes),
		cmocka_unit_test(one_that_never_finishes_is_told_why_or_nothing),
		cmocka_unit_test(whoever_is_there_at_the_end_is_let_go),
		WITH_SERVER(what_does_not_poll_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
