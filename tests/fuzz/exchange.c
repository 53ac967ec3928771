/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "target.h"

struct listener {
	struct loop_source source; /* first */
	struct text *answer;
};

static void receive(struct loop_source *source, uint32_t events)
{
	struct text *answer = ((struct listener *)source)->answer;
	char chunk[4096];
	ssize_t got;

	(void)events;
	while ((got = recv(source->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
		text_append_bytes(answer, chunk, (size_t)got);
	if (!got)
		loop_stop(source->loop);
	else
		HOLD(errno == EAGAIN);
}

void exchange(struct loop *loop, int fd, const uint8_t *input, size_t size, struct text *answer)
{
	struct listener listener = { .source = { .ready = receive, .fd = -1 }, .answer = answer };
	size_t first = size ? input[0] % (size + 1) : 0;

	HOLD(send(fd, input, first, MSG_NOSIGNAL) == (ssize_t)first);
	HOLD(send(fd, input + first, size - first, MSG_NOSIGNAL) == (ssize_t)(size - first));
	HOLD(!shutdown(fd, SHUT_WR) && !loop_add(loop, &listener.source, fd, EPOLLIN));
	HOLD(!loop_run(loop));
	loop_remove(&listener.source);
}
