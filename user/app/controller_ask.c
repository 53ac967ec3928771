/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's side of the control protocol. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/controller.h"
#include "base/json_writer.h"
#include "control_protocol.h"

#define ANSWER_SECONDS 10

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int exchange(int fd, const char *request, struct text *answer)
{
	char chunk[8192];
	ssize_t got;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return -errno;
	while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		text_append_bytes(answer, chunk, (size_t)got);
	if (got < 0)
		return -errno;
	return answer->failed ? -ENOMEM : 0;
}

/* If it says no, NULL and why: EINVAL if the request's words are wrong, else EPROTO. */
static cJSON *read_answer(const struct text *answer, int *number, char error[CONTROLLER_ERROR_SIZE])
{
	cJSON *tree = answer->length ? cJSON_ParseWithLength(answer->bytes, answer->length) : NULL;
	const cJSON *line = cJSON_GetObjectItemCaseSensitive(tree, "error");

	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "ok")))
		return tree;
	snprintf(error, CONTROLLER_ERROR_SIZE, "%s",
		 cJSON_IsString(line) ? line->valuestring : "the monitor gave no answer that can be read");
	*number = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "wrong_words")) ? EINVAL : EPROTO;
	cJSON_Delete(tree);
	return NULL;
}

static void explain_unreachable(const char *path, int number, char error[CONTROLLER_ERROR_SIZE])
{
	const char *right = "";

	if (number == ENOENT || number == ECONNREFUSED)
		right = ": none runs there: start one, or give --control the path of its socket";
	else if (number == EACCES)
		right = ": be root, or of the group that the socket belongs to";
	snprintf(error, CONTROLLER_ERROR_SIZE, "cannot reach a monitor at %s: %s%s", path, strerror(number), right);
}

static void write_request(const struct controller *controller, const char *command, struct text *out)
{
	char *set = controller->set ? cJSON_PrintUnformatted(controller->set) : NULL;
	struct json_writer json;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_string(&json, "command", command);
	json_u64(&json, "top", (uint64_t)controller->top);
	json_u64(&json, "offset", (uint64_t)controller->offset);
	if (controller->sort)
		json_string(&json, "sort", controller->sort);
	if (controller->match)
		json_string(&json, "match", controller->match);
	if (controller->set)
		text_appendf(out, ",\"set\":%s", set ? set : "");
	out->failed |= controller->set && !set;
	cJSON_free(set);
	json_object_close(&json);
	text_append_char(out, '\n');
}

cJSON *controller_ask_text(const struct controller *controller, const char *command, pid_t *pid, struct text *text,
			   char error[CONTROLLER_ERROR_SIZE])
{
	struct text request cleanup(text_free) = TEXT_EMPTY;
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	cJSON *tree = NULL;
	int result, number = 0, fd = connect_to(controller->socket_path);

	if (fd < 0) {
		result = errno;
		explain_unreachable(controller->socket_path, result, error);
		errno = result;
		return NULL;
	}
	if (pid)
		*pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) ? 0 : credentials.pid;
	write_request(controller, command, &request);
	result = request.failed ? -ENOMEM : exchange(fd, request.bytes, text);
	close(fd);
	if (result)
		snprintf(error, CONTROLLER_ERROR_SIZE, "the monitor at %s does not answer: %s", controller->socket_path,
			 strerror(-result));
	else
		tree = read_answer(text, &number, error);
	if (!tree)
		errno = result ? -result : number;
	return tree;
}

cJSON *controller_ask(const struct controller *controller, const char *command, pid_t *pid,
		      char error[CONTROLLER_ERROR_SIZE])
{
	struct text text = TEXT_EMPTY;
	cJSON *tree = controller_ask_text(controller, command, pid, &text, error);
	int number = errno;

	text_free(&text);
	errno = number;
	return tree;
}

void controller_log_path(const struct controller *controller, char *out, size_t size)
{
	if (!strcmp(controller->socket_path, CONTROL_SOCKET_DEFAULT))
		snprintf(out, size, "%s", CONTROL_LOG_DEFAULT);
	else
		snprintf(out, size, "%s.log", controller->socket_path);
}
