/* SPDX-License-Identifier: BSD-2-Clause */
/* What each flag does to the configuration. A wrong value is an error that names the flag, the value and what is right. */
#include "app/options_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/config_values.h"
#include "base/number.h"
#include "control_protocol.h"

#define NOMINAL_GAP_HIGH 3600000 /* milliseconds */
#define DURATION_HIGH 31536000   /* seconds: a year */

static int refuse(struct flags *flags, const char *given, const char *value, const char *right)
{
	snprintf(flags->error, CONFIG_ERROR_SIZE, "%s: \"%.100s\" is not %s", given, value, right);
	return -EINVAL;
}

static int apply_double(struct flags *flags, const char *given, const char *value, double low, double high,
			const char *unit, double *out)
{
	char right[80];

	if (!number_parse_double(value, low, high, out))
		return 0;
	snprintf(right, sizeof(right), "a number of %s from %.10g to %.10g", unit, low, high);
	return refuse(flags, given, value, right);
}

/* The first -i takes the place of the file's interfaces, further ones add to it. */
static int apply_interface(struct flags *flags, const char *given, const char *value)
{
	const char *end;

	if (!flags->interfaces_given) {
		flags->config->interface_count = 0;
		memset(flags->config->interfaces, 0, sizeof(flags->config->interfaces));
		flags->interfaces_given = true;
	}
	for (;; value = end + 1) {
		char name[100];
		int status;

		end = strchrnul(value, ',');
		status = value_interface(value, end - value, flags->config);
		if (status == -ENOSPC) {
			snprintf(flags->error, CONFIG_ERROR_SIZE, "%s: more than %d names or globs", given,
				 INTERFACE_PATTERNS_MAX);
			return -EINVAL;
		}
		if (status) {
			snprintf(name, sizeof(name), "%.*s", (int)(end - value > 99 ? 99 : end - value), value);
			return refuse(flags, given, name, INTERFACE_RIGHT);
		}
		if (!*end)
			return 0;
	}
}

static int apply_config(struct flags *flags, const char *given, const char *value)
{
	if (!*value)
		return refuse(flags, given, value, "the path of a file");
	flags->config_path = value;
	return 0;
}

static int apply_interval(struct flags *flags, const char *given, const char *value)
{
	return apply_double(flags, given, value, INTERVAL_LOW, INTERVAL_HIGH, "seconds",
			    &flags->config->interval_seconds);
}

static int apply_bits(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->bits = true;
	return 0;
}

static int apply_nominal_gap(struct flags *flags, const char *given, const char *value)
{
	return apply_double(flags, given, value, 0, NOMINAL_GAP_HIGH, "milliseconds", &flags->config->nominal_gap_ms);
}

static int apply_packet_loss(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->show_sequence = true;
	return 0;
}

static int apply_listen(struct flags *flags, const char *given, const char *value)
{
	if (!strcmp(value, "off")) {
		flags->config->http_enabled = false;
		return 0;
	}
	if (value_listen(value, flags->config))
		return refuse(flags, given, value, LISTEN_RIGHT ", or off");
	flags->config->http_enabled = true;
	flags->listen = value;
	return 0;
}

static int apply_server_port(struct flags *flags, const char *given, const char *value)
{
	uint64_t port;

	if (number_parse_u64(value, 1, UINT16_MAX, &port))
		return refuse(flags, given, value, "a port of 1 to 65535");
	snprintf(flags->config->http_address, sizeof(flags->config->http_address), "127.0.0.1");
	flags->config->http_port = (uint16_t)port;
	flags->config->http_enabled = true;
	return 0;
}

static int apply_hook(struct flags *flags, const char *given, const char *value)
{
	return value_hook(value, &flags->config->hook) ? refuse(flags, given, value, HOOK_RIGHT) : 0;
}

static int apply_direction(struct flags *flags, const char *given, const char *value)
{
	return value_direction(value, flags->config->direction) ? refuse(flags, given, value, DIRECTION_RIGHT) : 0;
}

static int apply_max_flows(struct flags *flags, const char *given, const char *value)
{
	uint64_t flows;
	char right[80];

	if (!number_parse_u64(value, 1, MAX_FLOWS_HIGH, &flows)) {
		flags->config->max_flows = (uint32_t)flows;
		return 0;
	}
	snprintf(right, sizeof(right), "a whole number of 1 to %d", MAX_FLOWS_HIGH);
	return refuse(flags, given, value, right);
}

static int apply_json(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->json = true;
	return 0;
}

static int apply_quiet(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->quiet = true;
	return 0;
}

static int apply_verbose(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->verbose = true;
	return 0;
}

static int apply_duration(struct flags *flags, const char *given, const char *value)
{
	return apply_double(flags, given, value, INTERVAL_LOW, DURATION_HIGH, "seconds",
			    &flags->config->duration_seconds);
}

static int apply_read(struct flags *flags, const char *given, const char *value)
{
	int length = snprintf(flags->config->read_path, sizeof(flags->config->read_path), "%s", value);

	if (length > 0 && (size_t)length < sizeof(flags->config->read_path))
		return 0;
	return refuse(flags, given, value, "the path of a capture file, or - for standard input");
}

static int apply_control(struct flags *flags, const char *given, const char *value)
{
	return value_control(value, flags->config) ? refuse(flags, given, value, CONTROL_RIGHT) : 0;
}

static int apply_check(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->config->check_only = true;
	return 0;
}

static int apply_version(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->version = true;
	return 0;
}

static int apply_help(struct flags *flags, const char *given, const char *value)
{
	(void)given;
	(void)value;
	flags->help = true;
	return 0;
}

const struct flag flag_table[] = {
	{ 'i', LIVE_ONLY, "interface", "IF[,IF...]", "interfaces to watch, names or globs such as eth*",
	  "all that are up, but loopback", apply_interface },
	{ 'c', ANYWHERE, "config", "FILE", "configuration", "config.json beside the program, " CONFIG_SYSTEM_PATH,
	  apply_config },
	{ 't', LIVE_ONLY, "interval", "S", "seconds between two reports, 0.1 to 3600", "1", apply_interval },
	{ 'b', ANYWHERE, "bits", NULL, "rates in bit/s on the console", "off", apply_bits },
	{ 'j', ANYWHERE, "nominal-gap", "MS", "nominal inter-arrival time, taken off each gap as shown", "0",
	  apply_nominal_gap },
	{ 0, ANYWHERE, "packet-loss", NULL, "show the sequence columns", "off", apply_packet_loss },
	{ 0, LIVE_ONLY, "listen", "[ADDR]:PORT", "HTTP address, or off", "127.0.0.1:8080", apply_listen },
	{ 0, LIVE_ONLY, "hook", "HOOK", "where ingress is watched: auto, xdp, xdp-generic, tc, clsact", "auto",
	  apply_hook },
	{ 0, LIVE_ONLY, "direction", "DIR", "what is watched: in, out, both", "both", apply_direction },
	{ 0, ANYWHERE, "max-flows", "N", "flows tracked at once, 1 to 16777216", "65536", apply_max_flows },
	{ 0, ANYWHERE, "json", NULL, "one JSON line per record on standard output, no screen", "off", apply_json },
	{ 'q', LIVE_ONLY, "quiet", NULL, "neither screen nor records on standard output", "off", apply_quiet },
	{ 'r', ANYWHERE, "read", "FILE", "read a capture (pcap, pcapng, - for standard input) instead of interfaces",
	  NULL, apply_read },
	{ 'v', ANYWHERE, "verbose", NULL, "log more: late ticks, what libbpf and the verifier say", "off",
	  apply_verbose },
	{ 0, LIVE_ONLY, "duration", "S", "end after S seconds, with a last report", "run on", apply_duration },
	{ 0, LIVE_ONLY, "control", "PATH", "control socket, for monitor_controller", CONTROL_SOCKET_DEFAULT,
	  apply_control },
	{ 0, ANYWHERE, "check-config", NULL, "check the configuration and end", NULL, apply_check },
	{ 'V', ANYWHERE, "version", NULL, "print the version and end", NULL, apply_version },
	{ 'h', ANYWHERE, "help", NULL, "print this and end", NULL, apply_help },
	{ .name = "server_port", .argument = "PORT", .apply = apply_server_port, .scope = LIVE_ONLY },
};
const unsigned int flag_count = sizeof(flag_table) / sizeof(flag_table[0]);

_Static_assert(sizeof(flag_table) / sizeof(flag_table[0]) <= FLAGS_MAX, "getopt's copies have room for the table");
