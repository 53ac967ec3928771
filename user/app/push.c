/* SPDX-License-Identifier: BSD-2-Clause */
/* From the configuration to the Pushgateway's. The daemon owns the labels, which point into its configuration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon_internal.h"

/* The host's name by default, so that two hosts never write into one group. 0 or -errno. */
static int take_instance(struct daemon *daemon, const char **instance)
{
	*instance = daemon->config->push.instance;
	if (daemon->config->push.instance_given)
		return 0;
	*instance = daemon->host_name;
	if (gethostname(daemon->host_name, sizeof(daemon->host_name) - 1))
		return -errno;
	return 0;
}

int daemon_open_pushgateway(struct daemon *daemon, char error[PUSHGATEWAY_ERROR_SIZE])
{
	const struct push_settings *push = &daemon->config->push;
	struct pushgateway_config config = {
		.url = push->url,
		.job = push->job,
		.labels = daemon->push_labels,
		.label_count = push->grouping_count + 1,
		.interval_seconds = (double)push->interval_ns / 1e9,
		.post = push->post,
		.what = push->what,
		.prometheus = daemon_prometheus_config(daemon),
		.username = push->username,
		.password_file = push->password_file,
		.ca = push->ca,
		.cert = push->cert,
		.key = push->key,
		.server_name = push->server_name,
		.gzip = push->gzip,
		.delete_on_exit = push->delete_on_exit,
	};
	int result;

	if (!*push->url)
		return 0;
	daemon->push_labels[0].name = "instance";
	result = take_instance(daemon, &daemon->push_labels[0].value);
	if (result) {
		snprintf(error, PUSHGATEWAY_ERROR_SIZE,
			 "pushgateway: the host's name cannot be had: %s: give an instance", strerror(-result));
		return result;
	}
	for (uint32_t i = 0; i < push->grouping_count; i++)
		daemon->push_labels[i + 1] = (struct push_label){ push->grouping[i].name, push->grouping[i].value };
	return pushgateway_open(daemon->loop, &config, &daemon->pushgateway, error);
}
