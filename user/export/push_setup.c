/* SPDX-License-Identifier: BSD-2-Clause */
/* What is the same for all requests to a Pushgateway: names, headers, files, and libcurl's options. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "export/push_password.h"
#include "export/pushgateway_internal.h"

#define REQUEST_SECONDS 30L
#define CONNECT_SECONDS 10L

static int header_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/*
 * libcurl takes the name that it expects in a certificate from the URL. So with another name wanted, the URL has that
 * one, the connection goes to the host that was given, and so does the Host header.
 */
int push_set_names(struct pushgateway *pushgateway, const struct push_url *url)
{
	const char *name = is_given(pushgateway->config.server_name) ? pushgateway->config.server_name : url->host;
	bool v6 = strchr(name, ':') && *name != '[';
	char line[PUSH_HOST_SIZE + 32];
	size_t path_length = strlen(url->path);
	struct text *text = &pushgateway->url;
	int error = 0;

	while (path_length && url->path[path_length - 1] == '/')
		path_length--;
	text_appendf(text, "%s://%s%s%s:%u", url->tls ? "https" : "http", v6 ? "[" : "", name, v6 ? "]" : "",
		     url->port);
	text_append_bytes(text, url->path, path_length);
	push_path_append(text, pushgateway->config.job, pushgateway->config.labels, pushgateway->config.label_count);
	if (text->failed)
		return -ENOMEM;
	if (!is_given(pushgateway->config.server_name))
		return 0;
	snprintf(line, sizeof(line), "::%s:%u", url->host, url->port);
	error = header_add(&pushgateway->connect_to, line);
	snprintf(line, sizeof(line), "Host: %s:%u", url->host, url->port);
	if (!error)
		error = header_add(&pushgateway->push_headers, line);
	if (!error)
		error = header_add(&pushgateway->delete_headers, line);
	return error;
}

int push_set_headers(struct pushgateway *pushgateway)
{
	int error = header_add(&pushgateway->push_headers, "Content-Type: text/plain; version=0.0.4; charset=utf-8");

	if (!error && pushgateway->config.gzip)
		error = header_add(&pushgateway->push_headers, "Content-Encoding: gzip");
	if (!error)
		error = header_add(&pushgateway->push_headers, "Expect:"); /* a large body is not announced first */
	if (!error)
		error = header_add(&pushgateway->delete_headers, "Content-Type:");
	return error;
}

static CURLcode set_file(CURL *easy, CURLoption option, const char *path)
{
	return is_given(path) ? curl_easy_setopt(easy, option, path) : CURLE_OK;
}

int push_set_options(struct pushgateway *pushgateway)
{
	const struct pushgateway_config *config = &pushgateway->config;
	CURL *easy = pushgateway->job.easy;

	if (curl_easy_setopt(easy, CURLOPT_URL, pushgateway->url.bytes) ||
	    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
	    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
	    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ||
	    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) || /* no waiting for a name server at the end */
	    curl_easy_setopt(easy, CURLOPT_TIMEOUT, REQUEST_SECONDS) ||
	    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) ||
	    curl_easy_setopt(easy, CURLOPT_USERAGENT, "flowgauge") ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, push_answer_take) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, pushgateway) ||
	    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, pushgateway->curl_error) ||
	    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, pushgateway->connect_to) ||
	    set_file(easy, CURLOPT_USERNAME, config->username) || set_file(easy, CURLOPT_CAINFO, config->ca) ||
	    set_file(easy, CURLOPT_SSLCERT, config->cert) || set_file(easy, CURLOPT_SSLKEY, config->key))
		return -ENOMEM;
	return 0;
}

static int fail(int error, char line[PUSHGATEWAY_ERROR_SIZE], const char *key, const char *path, const char *why)
{
	snprintf(line, PUSHGATEWAY_ERROR_SIZE, "pushgateway.%s: %.300s: %s: give a file that can be read", key, path,
		 why);
	return error;
}

int push_check_files(const struct pushgateway_config *config, char line[PUSHGATEWAY_ERROR_SIZE])
{
	const struct {
		const char *key, *path;
	} files[] = { { "tls.ca", config->ca }, { "tls.cert", config->cert }, { "tls.key", config->key } };
	char password[PUSH_PASSWORD_SIZE];
	const char *why;
	int error;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (is_given(files[i].path) && access(files[i].path, R_OK))
			return fail(-errno, line, files[i].key, files[i].path, strerror(errno));
	if (!is_given(config->username))
		return 0;
	error = push_password_read(config->password_file, password, &why);
	explicit_bzero(password, sizeof(password));
	return error ? fail(error, line, "basic_auth.password_file", config->password_file, why) : 0;
}
