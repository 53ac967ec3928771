/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: whatever a client sends, in one piece or two, it gets one JSON object and a newline, and the
 * connection ends; a request reaches the monitor only as a name and a number within bounds.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/control.h"
#include "base/json_writer.h"
#include "exchange.h"
#include "target.h"

static char directory[] = "/tmp/flowgauge-fuzz-XXXXXX";
static char path[64];
static struct loop *loop;
static struct control *control;

static int request(void *context, const struct control_request *asked, struct text *members, struct text *error)
{
	struct json_writer json;

	(void)context;
	HOLD(asked->command && asked->top >= 0 && asked->top <= 1000000000);
	if (asked->top == 1 || asked->sort) {
		text_append(error, asked->command);
		return asked->sort ? -EINVAL : -EAGAIN;
	}
	json_begin(&json, members);
	json_string(&json, "command", asked->command);
	return 0;
}

static void end(void)
{
	char lock[sizeof(path) + 8];

	control = control_close(control);
	loop = loop_free(loop);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	rmdir(directory);
}

static void begin(void)
{
	const struct control_hooks hooks = { .request = request };
	char error[CONTROL_ERROR_SIZE];

	HOLD(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/control.sock", directory);
	HOLD(!loop_new(&loop) && !control_open(loop, path, &hooks, &control, error));
	atexit(end);
}

static void check_answer(const struct text *answer)
{
	cJSON *tree;

	HOLD(answer->length && memchr(answer->bytes, '\n', answer->length) == answer->bytes + answer->length - 1);
	tree = cJSON_ParseWithLength(answer->bytes, answer->length);
	HOLD(cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(tree, "ok")));
	HOLD(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "ok")) !=
	     cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(tree, "wrong_words")));
	cJSON_Delete(tree);
}

/* Requests over the limit are tested elsewhere: these fit a socket's buffer. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct text answer = TEXT_EMPTY;
	int fd;

	if (!control)
		begin();
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, sizeof(path));
	HOLD(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	exchange(loop, fd, input, size, &answer);
	close(fd);
	check_answer(&answer);
	text_free(&answer);
	return 0;
}
