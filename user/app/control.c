/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clients.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "control_protocol.h"

#define BACKLOG 16
#define NS_PER_SECOND 1000000000ULL

struct control {
	struct loop *loop;
	struct control_hooks hooks;
	struct clients *clients;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int lock_fd;
};

static void write_error(struct client *client, const char *line, bool wrong_words)
{
	struct json_writer json;

	json_begin(&json, &client->answer);
	json_object_open(&json, NULL);
	json_bool(&json, "ok", false);
	json_string(&json, "error", line);
	json_bool(&json, "wrong_words", wrong_words);
	json_object_close(&json);
	text_append_char(&client->answer, '\n');
}

static void answer_error(struct client *client, const char *line)
{
	write_error(client, line, false);
}

static void answer_request(const struct control_hooks *hooks, const struct control_request *request,
			   struct client *client)
{
	struct text members = TEXT_EMPTY, error = TEXT_EMPTY;
	int result = hooks->request(hooks->context, request, &members, &error);

	if (result || members.failed) {
		write_error(client, error.length ? error.bytes : "out of memory", result == -EINVAL);
	} else {
		text_append(&client->answer, "{\"ok\":true");
		if (members.length) {
			text_append_char(&client->answer, ',');
			text_append_bytes(&client->answer, members.bytes, members.length);
		}
		text_append(&client->answer, "}\n");
	}
	text_free(&members);
	text_free(&error);
}

/* -1: it is there, and no number of flows. */
static long flows_of(const cJSON *tree, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);

	if (!item)
		return 0;
	return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 1e9 ? (long)item->valuedouble :
											    -1;
}

/* NULL: it is not there. */
static const char *text_of(const cJSON *tree, const char *key, bool *wrong)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);

	*wrong = *wrong || (item && !cJSON_IsString(item));
	return item ? item->valuestring : NULL;
}

static void answer(const struct control_hooks *hooks, struct client *client)
{
	cJSON *tree = cJSON_ParseWithLength(client->request.bytes, client->request.length);
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(tree, "command");
	struct control_request request = { .top = flows_of(tree, "top"), .offset = flows_of(tree, "offset") };
	bool wrong = false;

	request.sort = text_of(tree, "sort", &wrong);
	request.match = text_of(tree, "match", &wrong);

	if (!cJSON_IsObject(tree)) {
		client_refuse(client, "the request is not a JSON object");
	} else if (!cJSON_IsString(command)) {
		client_refuse(client, "the request names no command: {\"command\":\"status\"} would be one");
	} else if (request.top < 0 || request.offset < 0) {
		client_refuse(client,
			      request.top < 0 ? "top is not a number of flows" : "offset is not a number of flows");
	} else if (wrong) {
		client_refuse(client, "sort or match is not a string");
	} else {
		request.command = command->valuestring;
		request.set = cJSON_GetObjectItemCaseSensitive(tree, "set");
		answer_request(hooks, &request, client);
	}
	cJSON_Delete(tree);
}

/* Whatever follows the line is nobody's. */
static bool request_received(void *context, struct client *client, size_t fresh)
{
	const struct control *control = context;

	if (!memchr(client->request.bytes + client->request.length - fresh, '\n', fresh))
		return false;
	answer(&control->hooks, client);
	return true;
}

/* The directory of the socket, if it is missing; one level, as /run/flowgauge is. */
static int directory_make(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(copy, sizeof(copy), "%s", path);
	return mkdir(dirname(copy), 0755) && errno != EEXIST ? -errno : 0;
}

static long lock_owner(int fd)
{
	char digits[32] = { 0 };

	return pread(fd, digits, sizeof(digits) - 1, 0) > 0 ? strtol(digits, NULL, 10) : 0;
}

static int lock_take(struct control *control, char error[CONTROL_ERROR_SIZE])
{
	char path[sizeof(control->path) + 8];
	int length;

	snprintf(path, sizeof(path), "%s.lock", control->path);
	control->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (control->lock_fd < 0) {
		snprintf(error, CONTROL_ERROR_SIZE, "cannot open %s: %s: another place can be named with --control",
			 path, strerror(errno));
		return -errno;
	}
	if (flock(control->lock_fd, LOCK_EX | LOCK_NB)) {
		snprintf(error, CONTROL_ERROR_SIZE,
			 "a monitor runs already: pid %ld has %s: stop it, or give this one a --control of its own",
			 lock_owner(control->lock_fd), control->path);
		return -EEXIST;
	}
	length = snprintf(path, sizeof(path), "%ld\n", (long)getpid());
	if (ftruncate(control->lock_fd, 0) || pwrite(control->lock_fd, path, (size_t)length, 0) != length) {
		snprintf(error, CONTROL_ERROR_SIZE, "cannot write %s.lock: %s", control->path, strerror(errno));
		return -errno;
	}
	return 0;
}

/* root and the group, if there is one, may speak to the monitor. */
static int rights_set(const char *path)
{
	struct group *group = getgrnam(CONTROL_GROUP);

	if (chmod(path, 0660))
		return -errno;
	if (group && chown(path, (uid_t)-1, group->gr_gid))
		log_warning("cannot give %s to the group %s: %s", path, CONTROL_GROUP, strerror(errno));
	return 0;
}

static int listen_at(struct control *control, char error[CONTROL_ERROR_SIZE])
{
	const struct clients_config config = {
		.client_size = sizeof(struct client),
		.request_max = CONTROL_REQUEST_MAX,
		.patience_ns = CONTROL_TIMEOUT_SECONDS * NS_PER_SECOND,
		.cut_short = "the request does not end in a newline",
		.context = control,
		.received = request_received,
		.refuse = answer_error,
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int result, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, control->path, sizeof(address.sun_path));
	unlink(control->path); /* left by a monitor that was killed: the lock says that none has it */
	mask = umask(0177);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (!result)
		result = rights_set(control->path);
	if (!result)
		result = listen(fd, BACKLOG) ? -errno : 0;
	if (!result)
		result = clients_new(control->loop, fd, &config, &control->clients);
	if (result) {
		snprintf(error, CONTROL_ERROR_SIZE,
			 "cannot listen at %s: %s: another place can be named with --control", control->path,
			 strerror(-result));
		close(fd);
	}
	return result;
}

int control_open(struct loop *loop, const char *path, const struct control_hooks *hooks, struct control **out,
		 char error[CONTROL_ERROR_SIZE])
{
	struct control *control = calloc(1, sizeof(*control));
	int result;

	if (!control) {
		snprintf(error, CONTROL_ERROR_SIZE, "out of memory");
		return -ENOMEM;
	}
	control->loop = loop;
	control->hooks = *hooks;
	control->lock_fd = -1;
	snprintf(control->path, sizeof(control->path), "%s", path);
	result = directory_make(path);
	if (result)
		snprintf(error, CONTROL_ERROR_SIZE,
			 "cannot make the directory of %s: %s: another place can be named with --control", path,
			 strerror(-result));
	if (!result)
		result = lock_take(control, error);
	if (!result)
		result = listen_at(control, error);
	if (result) {
		if (control->lock_fd >= 0)
			close(control->lock_fd);
		free(control);
		return result;
	}
	*out = control;
	return 0;
}

struct control *control_close(struct control *control)
{
	if (!control)
		return NULL;
	clients_free(control->clients);
	unlink(control->path);
	close(control->lock_fd); /* the lock file stays: removing it would let two monitors hold one each */
	free(control);
	return NULL;
}
