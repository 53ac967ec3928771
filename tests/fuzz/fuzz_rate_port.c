/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rate monitor's control port: whatever a client sends, in one piece or two, it gets one JSON object, and the
 * connection ends; what reaches the monitor is an object, and is the first thing that the client sent.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/rate_port.h"
#include "exchange.h"
#include "target.h"

static struct loop *loop;
static struct rate_port *port;

static void answer(void *context, const cJSON *request, struct text *out)
{
	char *text = cJSON_PrintUnformatted(request);

	(void)context;
	HOLD(cJSON_IsObject(request) && text && *text == '{');
	text_append(out, "{\"return\":{\"request\":");
	text_append(out, text);
	text_append(out, "}}");
	cJSON_free(text);
}

static void end(void)
{
	port = rate_port_close(port);
	loop = loop_free(loop);
}

static void begin(void)
{
	const struct rate_port_hooks hooks = { .answer = answer };
	char error[RATE_PORT_ERROR_SIZE];

	HOLD(!loop_new(&loop) && !rate_port_open(loop, 0, &hooks, &port, error));
	atexit(end);
}

static void check_answer(const struct text *text)
{
	cJSON *tree = text->length ? cJSON_ParseWithLength(text->bytes, text->length) : NULL;

	HOLD(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(tree, "return")));
	cJSON_Delete(tree);
}

/* The kernel keeps each run's port taken for a minute, of one of 2^24 addresses: there are thousands of runs a second. */
static int socket_of_next_host(void)
{
	static uint32_t number;
	struct sockaddr_in own = { .sin_family = AF_INET };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number++ % 0xfffff0);
	HOLD(!setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)));
	HOLD(!bind(fd, (struct sockaddr *)&own, sizeof(own)));
	return fd;
}

/* Requests over the limit are tested elsewhere: these fit a socket's buffer. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct text said = TEXT_EMPTY;
	int fd;

	if (!port)
		begin();
	address.sin_port = htons(rate_port_number(port));
	fd = socket_of_next_host();
	HOLD(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	exchange(loop, fd, input, size, &said);
	close(fd);
	check_answer(&said);
	text_free(&said);
	return 0;
}
