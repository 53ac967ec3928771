/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/options_rate_mode.h"

#include <errno.h>
#include <stdio.h>

#include "app/config_values.h"

#define FLOWS_ROOM 256 /* of which nothing is used: flows are not counted */

/* The origin knew one kind of OpenStack. */
static int settle_openstack(struct config_openstack *openstack, char error[CONFIG_ERROR_SIZE])
{
	const char *missing;

	if (openstack->api == OPENSTACK_OFF)
		openstack->api = OPENSTACK_CEILOMETER_V2;
	missing = config_settle_openstack(openstack);
	if (!missing)
		return 0;
	snprintf(error, CONFIG_ERROR_SIZE,
		 "openstack.%s is missing: records cannot be sent without it: -c gives the controller, -u the username "
		 "and -t the project",
		 missing);
	return -EINVAL;
}

int rate_mode_settle(struct config *config, const struct rate_walk *walk, char error[CONFIG_ERROR_SIZE])
{
	const char *conflict = rate_settings_conflict(&config->rate);

	if (conflict || (walk->host && !walk->port)) {
		snprintf(error, CONFIG_ERROR_SIZE, "%s",
			 conflict ? conflict : "-g: a host without a port: -b gives it one");
		return -EINVAL;
	}
	if (walk->openstack && settle_openstack(&config->openstack, error))
		return -EINVAL;
	if (walk->port) {
		snprintf(config->rate_tcp_host, sizeof(config->rate_tcp_host), "%s",
			 walk->host ? walk->host : "127.0.0.1");
		config->rate_tcp_port = (uint16_t)walk->port;
	}
	config->rate_only = true;
	config->constants.flows_off = 1;
	config->max_flows = FLOWS_ROOM;
	config->rate_enabled = true;
	config->rtt.enabled = false;
	config->http_enabled = walk->listen;
	config->json = walk->display ||
		       (!*config->rate_file && !*config->rate_tcp_host && config->openstack.api == OPENSTACK_OFF);
	config->quiet = !config->json;
	if (!config->interface_count)
		snprintf(config->interfaces[config->interface_count++], IF_NAMESIZE, "eth0");
	if (!config_is_exposed(config))
		return 0;
	snprintf(error, CONFIG_ERROR_SIZE, "--listen: \"%.100s\" " EXPOSED_RIGHT, config->http_address);
	return -EINVAL;
}
