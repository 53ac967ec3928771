/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Pushgateway is, and under which path it keeps a group. Nothing here knows libcurl. */
#ifndef FLOWGAUGE_PUSH_PATH_H
#define FLOWGAUGE_PUSH_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define PUSH_HOST_SIZE 256
#define PUSH_URL_RIGHT \
	"http:// or https://, a host and, if wanted, a port and a path, without a user, a password, '?' and '#'"
#define PUSH_LABEL_RIGHT                                                                                                \
	"the name of a label: letters, digits and '_', without a digit or \"__\" in front; not job or instance, which " \
	"have keys of their own, and none that the metrics have"

struct push_label {
	const char *name, *value;
};

struct push_url {
	bool tls;
	char host[PUSH_HOST_SIZE]; /* with the brackets of an IPv6 address */
	uint16_t port;             /* the scheme's own if none is given */
	const char *path;          /* within the text that was parsed; "" or from / on */
};

/* -EINVAL if the text is not PUSH_URL_RIGHT. */
int push_url_parse(const char *text, struct push_url *out);
/* The name is PUSH_LABEL_RIGHT. */
bool push_label_is_right(const char *name);
/*
 * Appends "/metrics/job/JOB" and "/NAME/VALUE" for each label, in the order of their names. What a path cannot hold
 * (nothing, a '/', or only the dots that mean a directory) goes as NAME@base64.
 */
void push_path_append(struct text *out, const char *job, const struct push_label *labels, size_t count);

#endif
