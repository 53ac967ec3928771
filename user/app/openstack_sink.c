/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the rate monitor to OpenStack, if the configuration says so: opened, and closed in order. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon_internal.h"
#include "base/log.h"
#include "control_protocol.h"

#define RETRY_FIRST_SECONDS 1
#define RETRY_MOST_SECONDS 300
#define PATIENCE_SECONDS 3 /* for what waits, at the end */
#define HOST_NAME_SIZE 65  /* HOST_NAME_MAX + 1 */

static struct openstack_config settings_of(const struct config_openstack *config, const char *host)
{
	return (struct openstack_config){
		.api = config->api,
		.auth_url = config->auth_url,
		.url = config->url,
		.username = config->username,
		.user_domain = config->user_domain,
		.project = config->project,
		.project_domain = config->project_domain,
		.password_file = config->password_file,
		.password_environment = config->password_environment,
		.resource_id = *config->resource_id ? config->resource_id : host,
		.project_id = config->project_id,
		.user_id = config->user_id,
		.meter_name = config->meter,
		.archive_policy = config->archive_policy,
		.ca_file = config->ca_file,
		.queue_limit = config->queue,
		.timeout_seconds = config->timeout_seconds,
		.retry_first_seconds = RETRY_FIRST_SECONDS,
		.retry_most_seconds = RETRY_MOST_SECONDS,
	};
}

int daemon_open_openstack(struct daemon *daemon)
{
	char host[HOST_NAME_SIZE] = "", error[OPENSTACK_ERROR_SIZE];
	struct openstack_config settings;

	if (daemon->config->openstack.api == OPENSTACK_OFF)
		return 0;
	if (gethostname(host, sizeof(host) - 1) || !*host)
		memcpy(host, "localhost", sizeof("localhost"));
	settings = settings_of(&daemon->config->openstack, host);
	if (openstack_open(daemon->loop, &settings, &daemon->openstack, error)) {
		log_error("openstack: %s", error);
		daemon->status = EXIT_FAILED;
		return -1;
	}
	openstack_offer_life(daemon->openstack, "initialized", clock_realtime_ns());
	if (daemon->rates)
		rate_monitor_set_openstack(daemon->rates, daemon->openstack);
	else
		log_warning("openstack: rate.enabled is false: there are no records to send");
	return 0;
}

void daemon_close_openstack(struct daemon *daemon)
{
	openstack_offer_life(daemon->openstack, "exited", clock_realtime_ns());
	daemon->openstack = openstack_close(daemon->openstack, PATIENCE_SECONDS);
}
