/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of keys: one row a key, with the reader that checks its value and the field that the value fills. A key
 * within an object is written with a dot.
 */
#include "app/config_keys.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/config_values.h"

#define FIELD(member) offsetof(struct config, member)
#define OPENSTACK_QUEUE_HIGH 100000

static void *field_of(const struct config_reading *reading, const struct config_key *key)
{
	return (char *)reading->config + key->field;
}

static int read_nothing(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	(void)reading;
	(void)key;
	(void)node;
	return 0;
}

static int read_rules(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_rules(reading, key->name, node);
}

static int read_pattern(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_pattern(reading, key->name, node);
}

static int read_offset(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_offset(reading, key->name, node);
}

static int read_tunnels(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_tunnels(reading, key->name, node);
}

static int read_groups(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_groups(reading, key->name, node);
}

static int read_openstack(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_openstack(reading, key->name, node);
}

static int read_push(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_push(reading, key->name, node);
}

static int read_ping(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_ping(reading, key->name, node);
}

static int read_rate_setting(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_rate_setting(reading, key->name, node);
}

static int read_rate_file(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_rate_file(reading, key->name, node);
}

static int read_rate_tcp(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_rate_tcp(reading, key->name, node);
}

static int read_rate_port(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	return config_read_rate_port(reading, key->name, node);
}

static int read_bool(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsBool(node))
		return config_refuse_value(reading, node, key->name, "true or false");
	*(bool *)field_of(reading, key) = cJSON_IsTrue(node);
	return 0;
}

/* DISPLAY came into use with strings for truth values; both are read. */
static int read_display(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (cJSON_IsString(node) &&
	    (!strcasecmp(node->valuestring, "true") || !strcasecmp(node->valuestring, "false"))) {
		*(bool *)field_of(reading, key) = !strcasecmp(node->valuestring, "true");
		return 0;
	}
	if (!cJSON_IsBool(node))
		return config_refuse_value(reading, node, key->name, "true, false, \"True\" or \"False\"");
	*(bool *)field_of(reading, key) = cJSON_IsTrue(node);
	return 0;
}

static int read_vlan(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsBool(node))
		return config_refuse_value(reading, node, key->name, "true or false");
	reading->config->constants.ignore_vlan = cJSON_IsFalse(node);
	return 0;
}

static int read_whole(struct config_reading *reading, const struct config_key *key, const cJSON *node, uint64_t *out)
{
	char right[80];

	if (cJSON_IsNumber(node) && node->valuedouble >= key->low && node->valuedouble <= key->high &&
	    floor(node->valuedouble) == node->valuedouble) {
		*out = (uint64_t)node->valuedouble;
		return 0;
	}
	snprintf(right, sizeof(right), "a whole number of %.0f to %.0f", key->low, key->high);
	return config_refuse_value(reading, node, key->name, right);
}

static int read_u32(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	uint64_t value = 0;
	int status = read_whole(reading, key, node, &value);

	if (!status)
		*(uint32_t *)field_of(reading, key) = (uint32_t)value;
	return status;
}

static int read_size(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	uint64_t value = 0;
	int status = read_whole(reading, key, node, &value);

	if (!status)
		*(size_t *)field_of(reading, key) = (size_t)value;
	return status;
}

static int read_seconds(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	char right[80];

	if (cJSON_IsNumber(node) && node->valuedouble >= key->low && node->valuedouble <= key->high) {
		*(double *)field_of(reading, key) = node->valuedouble;
		return 0;
	}
	snprintf(right, sizeof(right), "a number of seconds from %g to %g", key->low, key->high);
	return config_refuse_value(reading, node, key->name, right);
}

static int read_interfaces(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	unsigned int index = 0;

	if (!cJSON_IsArray(node))
		return config_refuse_value(reading, node, key->name,
					   "an array of interface names, such as [\"eth0\", \"wlan*\"]");
	reading->config->interface_count = 0;
	memset(reading->config->interfaces, 0, sizeof(reading->config->interfaces));
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char name[KEY_NAME_MAX];
		int status = -EINVAL;

		snprintf(name, sizeof(name), "%s[%u]", key->name, index);
		if (cJSON_IsString(item))
			status = value_interface(item->valuestring, strlen(item->valuestring), reading->config);
		if (status == -ENOSPC)
			return config_refuse_at(reading, item, name, "more than %d names or globs",
						INTERFACE_PATTERNS_MAX);
		if (status)
			return config_refuse_value(reading, item, name, INTERFACE_RIGHT);
	}
	return 0;
}

static int read_hook(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || value_hook(node->valuestring, &reading->config->hook))
		return config_refuse_value(reading, node, key->name, HOOK_RIGHT);
	return 0;
}

static int read_direction(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || value_direction(node->valuestring, reading->config->direction))
		return config_refuse_value(reading, node, key->name, DIRECTION_RIGHT);
	return 0;
}

static int read_rtt_scope(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || value_rtt_scope(node->valuestring, reading->config))
		return config_refuse_value(reading, node, key->name, RTT_SCOPE_RIGHT);
	return 0;
}

static int read_listen(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || value_listen(node->valuestring, reading->config))
		return config_refuse_value(reading, node, key->name, LISTEN_RIGHT);
	reading->listen_node = node;
	return 0;
}

/* Absolute, because a monitor in the background has another working directory than the one who wrote the file. */
static int read_control(struct config_reading *reading, const struct config_key *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || node->valuestring[0] != '/' || value_control(node->valuestring, reading->config))
		return config_refuse_value(reading, node, key->name, CONTROL_RIGHT ", from / on");
	return 0;
}

static const struct config_key keys[] = {
	{ .name = "RULES", .read = read_rules },
	{ .name = "EXAMPLES", .read = read_nothing },
	{ .name = "EXAMPLE", .read = read_nothing },
	{ .name = "PATTERN", .read = read_pattern },
	{ .name = "OFFSET", .read = read_offset },
	{ "SEQUENCE_THRESHOLD", read_u32, FIELD(constants.sequence_threshold), 1, INT32_MAX },
	{ .name = "DISPLAY.Throughput", .read = read_display, .field = FIELD(show_throughput) },
	{ .name = "DISPLAY.Goodput", .read = read_display, .field = FIELD(show_goodput) },
	{ .name = "DISPLAY.Jitter", .read = read_display, .field = FIELD(show_jitter) },
	{ .name = "DISPLAY.SEQ_ERRORS", .read = read_display, .field = FIELD(show_sequence) },
	{ .name = "interfaces", .read = read_interfaces },
	{ .name = "hook", .read = read_hook },
	{ .name = "direction", .read = read_direction },
	{ .name = "decapsulate", .read = read_tunnels },
	{ .name = "vlan", .read = read_vlan },
	{ "max_flows", read_u32, FIELD(max_flows), 1, MAX_FLOWS_HIGH },
	{ "followed_flows", read_u32, FIELD(followed_flows), 1, MAX_FLOWS_HIGH },
	{ "idle_timeout_seconds", read_seconds, FIELD(idle_timeout_seconds), 1, 86400 },
	{ "interval_seconds", read_seconds, FIELD(interval_seconds), INTERVAL_LOW, INTERVAL_HIGH },
	{ .name = "http.enabled", .read = read_bool, .field = FIELD(http_enabled) },
	{ .name = "http.listen", .read = read_listen },
	{ .name = "http.allow_unauthenticated", .read = read_bool, .field = FIELD(http_allow_unauthenticated) },
	{ "metrics.max_flows", read_size, FIELD(metrics_max_flows), 0, MAX_FLOWS_HIGH },
	{ .name = "metrics.bpf_run_time", .read = read_bool, .field = FIELD(metrics_bpf_run_time) },
	{ .name = "groups", .read = read_groups },
	{ "metrics.max_pairs", read_u32, FIELD(rtt.max_pairs), 1, MAX_PAIRS_HIGH },
	{ "metrics.max_ping_histograms", read_size, FIELD(metrics_max_ping_histograms), 0, PING_HOSTS_MAX },
	{ .name = "ping", .read = read_ping },
	{ .name = "rtt.enabled", .read = read_bool, .field = FIELD(rtt.enabled) },
	{ .name = "rtt.scope", .read = read_rtt_scope },
	{ "rtt.max_flows", read_u32, FIELD(rtt.max_flows), 1, MAX_FLOWS_HIGH },
	{ .name = "openstack.api", .read = read_openstack },
	{ .name = "openstack.controller", .read = read_openstack },
	{ .name = "openstack.auth_url", .read = read_openstack },
	{ .name = "openstack.url", .read = read_openstack },
	{ .name = "openstack.username", .read = read_openstack },
	{ .name = "openstack.user_domain", .read = read_openstack },
	{ .name = "openstack.project", .read = read_openstack },
	{ .name = "openstack.project_domain", .read = read_openstack },
	{ .name = "openstack.password_file", .read = read_openstack },
	{ .name = "openstack.password_environment", .read = read_openstack },
	{ .name = "openstack.resource_id", .read = read_openstack },
	{ .name = "openstack.project_id", .read = read_openstack },
	{ .name = "openstack.user_id", .read = read_openstack },
	{ .name = "openstack.meter", .read = read_openstack },
	{ .name = "openstack.archive_policy", .read = read_openstack },
	{ .name = "openstack.ca_file", .read = read_openstack },
	{ "openstack.queue", read_u32, FIELD(openstack.queue), 1, OPENSTACK_QUEUE_HIGH },
	{ "openstack.timeout_seconds", read_seconds, FIELD(openstack.timeout_seconds), 1, 300 },
	{ .name = "pushgateway.url", .read = read_push },
	{ .name = "pushgateway.job", .read = read_push },
	{ .name = "pushgateway.instance", .read = read_push },
	{ .name = "pushgateway.grouping", .read = read_push },
	{ .name = "pushgateway.interval", .read = read_push },
	{ .name = "pushgateway.method", .read = read_push },
	{ .name = "pushgateway.what", .read = read_push },
	{ .name = "pushgateway.basic_auth", .read = read_push },
	{ .name = "pushgateway.tls", .read = read_push },
	{ .name = "pushgateway.gzip", .read = read_push },
	{ .name = "pushgateway.delete_on_exit", .read = read_push },
	{ .name = "rate.enabled", .read = read_bool, .field = FIELD(rate_enabled) },
	{ .name = "rate.sample_rate", .read = read_rate_setting },
	{ .name = "rate.estimation_interval", .read = read_rate_setting },
	{ .name = "rate.meter_interval", .read = read_rate_setting },
	{ .name = "rate.link_speed", .read = read_rate_setting },
	{ .name = "rate.alarm_trigger", .read = read_rate_setting },
	{ .name = "rate.cutoff", .read = read_rate_setting },
	{ .name = "rate.alarm_measured_trigger", .read = read_rate_setting },
	{ .name = "rate.file", .read = read_rate_file },
	{ .name = "rate.tcp", .read = read_rate_tcp },
	{ .name = "control.socket", .read = read_control },
	{ .name = "control.rate_port", .read = read_rate_port },
	{ .name = "legacy_metrics", .read = read_bool, .field = FIELD(legacy_metrics) },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

const struct config_key *config_key_at(size_t index)
{
	return index < KEYS ? &keys[index] : NULL;
}

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

bool config_key_is_section(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < KEYS; i++)
		if (!strncmp(keys[i].name, name, length) && keys[i].name[length] == '.')
			return true;
	return false;
}
