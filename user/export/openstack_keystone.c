/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens. Keystone v3 gives one in a header and speaks of it in the body; v2.0 gives it in the body. How long it lasts is
 * taken from the server's two times, when it says both: then it does not matter that its clock and ours differ.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "export/openstack_internal.h"

#define NS_PER_SECOND 1e9
#define TIME_MAX_LENGTH 40

static int take_password(char *bytes, size_t length, const char *where, char out[OPENSTACK_PASSWORD_SIZE],
			 char error[OPENSTACK_ERROR_SIZE])
{
	bytes[length] = '\0';
	bytes[strcspn(bytes, "\r\n")] = '\0';
	if (!*bytes) {
		snprintf(error, OPENSTACK_ERROR_SIZE, "%s holds no password: its first line is to be one", where);
		return -EINVAL;
	}
	memcpy(out, bytes, strlen(bytes) + 1);
	return 0;
}

/* A file alone: from a pipe the monitor would wait for its writer. */
static int password_from_file(const char *path, char out[OPENSTACK_PASSWORD_SIZE], char error[OPENSTACK_ERROR_SIZE])
{
	char bytes[OPENSTACK_PASSWORD_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), status;
	struct stat info;
	ssize_t count;

	if (fd < 0) {
		status = -errno;
		snprintf(error, OPENSTACK_ERROR_SIZE, "%s cannot be read: %s: give a file with the password in it",
			 path, strerror(-status));
		return status;
	}
	if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
		close(fd);
		snprintf(error, OPENSTACK_ERROR_SIZE, "%s is not a file: give one with the password in it", path);
		return -EINVAL;
	}
	count = read(fd, bytes, sizeof(bytes) - 1);
	status = count < 0 ? -errno : 0;
	close(fd);
	if (status)
		snprintf(error, OPENSTACK_ERROR_SIZE, "%s cannot be read: %s", path, strerror(-status));
	else
		status = take_password(bytes, (size_t)count, path, out, error);
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

int password_read(const struct openstack_config *config, char out[OPENSTACK_PASSWORD_SIZE],
		  char error[OPENSTACK_ERROR_SIZE])
{
	const char *value;
	char bytes[OPENSTACK_PASSWORD_SIZE];
	int status;

	if (*config->password_file)
		return password_from_file(config->password_file, out, error);
	value = *config->password_environment ? getenv(config->password_environment) : NULL;
	if (!value || strlen(value) >= sizeof(bytes)) {
		snprintf(error, OPENSTACK_ERROR_SIZE,
			 "the environment's %s holds no password: set it, or give openstack.password_file",
			 *config->password_environment ? config->password_environment : "variable");
		return -EINVAL;
	}
	memcpy(bytes, value, strlen(value) + 1);
	status = take_password(bytes, strlen(value), config->password_environment, out, error);
	explicit_bzero(bytes, sizeof(bytes));
	return status;
}

void keystone_url(const struct openstack_config *config, struct text *url)
{
	text_append(url, config->auth_url);
	text_append(url, config->api == OPENSTACK_GNOCCHI ? "/v3/auth/tokens" : "/v2.0/tokens");
}

static void write_named(struct json_writer *json, const char *name, const char *domain)
{
	json_string(json, "name", name);
	json_object_open(json, "domain");
	json_string(json, "name", domain);
	json_object_close(json);
}

static void write_v3(struct json_writer *json, const struct openstack_config *config, const char *password)
{
	json_object_open(json, "identity");
	json_array_open(json, "methods");
	json_string(json, NULL, "password");
	json_array_close(json);
	json_object_open(json, "password");
	json_object_open(json, "user");
	write_named(json, config->username, config->user_domain);
	json_string(json, "password", password);
	json_object_close(json);
	json_object_close(json);
	json_object_close(json);
	json_object_open(json, "scope");
	json_object_open(json, "project");
	write_named(json, config->project, config->project_domain);
	json_object_close(json);
	json_object_close(json);
}

static void write_v2(struct json_writer *json, const struct openstack_config *config, const char *password)
{
	json_string(json, "tenantName", config->project);
	json_object_open(json, "passwordCredentials");
	json_string(json, "username", config->username);
	json_string(json, "password", password);
	json_object_close(json);
}

void keystone_document(const struct openstack_config *config, const char *password, struct text *out)
{
	struct json_writer json;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_object_open(&json, "auth");
	if (config->api == OPENSTACK_GNOCCHI)
		write_v3(&json, config, password);
	else
		write_v2(&json, config, password);
	json_object_close(&json);
	json_object_close(&json);
}

/* Seconds since the epoch of "2026-11-21T08:00:00[.123456][Z]"; NaN if it is none. Both Keystones speak of UTC only. */
static double seconds_of(const cJSON *node)
{
	struct tm time = { 0 };
	const char *rest;

	if (!cJSON_IsString(node) || strlen(node->valuestring) > TIME_MAX_LENGTH)
		return NAN;
	rest = strptime(node->valuestring, "%Y-%m-%dT%H:%M:%S", &time);
	if (!rest)
		return NAN;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest && strcmp(rest, "Z") != 0)
		return NAN;
	return (double)timegm(&time);
}

static int take_id(const char *id, struct token *out)
{
	size_t length = id ? strlen(id) : 0;

	if (!length || length >= sizeof(out->id))
		return -EPROTO;
	/* It goes into a header: nothing in it may end one. */
	for (size_t i = 0; i < length; i++)
		if (id[i] <= ' ' || id[i] > '~')
			return -EPROTO;
	memcpy(out->id, id, length + 1);
	return 0;
}

static double lifetime(const cJSON *token, const char *expires, uint64_t now_ns)
{
	double end = seconds_of(cJSON_GetObjectItemCaseSensitive(token, expires));
	double issued = seconds_of(cJSON_GetObjectItemCaseSensitive(token, "issued_at"));

	return end - (isnan(issued) ? (double)now_ns / NS_PER_SECOND : issued);
}

int keystone_token(enum openstack_api api, const struct text *answer, const char *subject_token, uint64_t now_ns,
		   struct token *out)
{
	bool v3 = api == OPENSTACK_GNOCCHI;
	cJSON *root = answer->length ? cJSON_ParseWithLength(answer->bytes, answer->length) : NULL;
	const cJSON *token = root, *id;
	int status;

	if (!v3)
		token = cJSON_GetObjectItemCaseSensitive(token, "access");
	token = cJSON_GetObjectItemCaseSensitive(token, "token");
	id = cJSON_GetObjectItemCaseSensitive(token, "id");
	out->id[0] = '\0';
	out->lifetime_seconds = NAN;
	if (!cJSON_IsObject(token))
		status = -EPROTO;
	else
		status = take_id(v3 ? subject_token : cJSON_GetStringValue(id), out);
	if (!status)
		out->lifetime_seconds = lifetime(token, v3 ? "expires_at" : "expires", now_ns);
	cJSON_Delete(root);
	return status;
}
