/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that a key of config.json and a flag spell alike. Each function returns 0, or -EINVAL and leaves `config` as it
 * was; the caller names the key or the flag, quotes the value, and says what would be right with the words given here.
 */
#ifndef FLOWGAUGE_CONFIG_VALUES_H
#define FLOWGAUGE_CONFIG_VALUES_H

#include "app/config.h"

#define INTERVAL_LOW 0.1 /* seconds */
#define INTERVAL_HIGH 3600
#define MAX_FLOWS_HIGH 16777216

#define MAX_PAIRS_HIGH 65536

#define RTT_SCOPE_RIGHT "host, prefix or flow"
#define LISTEN_RIGHT "ADDRESS:PORT with a port of 1 to 65535"
#define HOOK_RIGHT "auto, xdp, xdp-generic, tc or clsact"
#define DIRECTION_RIGHT "in, out or both"
#define INTERFACE_RIGHT \
	"an interface's name or a glob of 1 to 15 characters, without spaces, commas, colons and slashes"
#define RATE_TCP_RIGHT "HOST:PORT with a port of 1 to 65535, such as 127.0.0.1:9000"
#define CONTROL_RIGHT "the path of a socket, of 1 to 107 bytes"
#define EXPOSED_RIGHT                                                                                        \
	"would let other machines in without a password: choose a loopback address such as 127.0.0.1:8080, " \
	"or set http.allow_unauthenticated to true"

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; ":8080" is 127.0.0.1:8080. */
int value_listen(const char *text, struct config *config);
int value_hook(const char *text, enum hook_choice *out);
int value_direction(const char *text, bool out[DIRECTIONS]);
int value_rtt_scope(const char *text, struct config *config);
int value_control(const char *text, struct config *config);
/* "collector:9000", "192.0.2.1:9000", "[::1]:9000"; the name is not looked up. */
int value_rate_tcp(const char *text, struct config *config);
int value_rate_file(const char *text, struct config *config);
/* Adds one name or glob. -ENOSPC if there are INTERFACE_PATTERNS_MAX already. */
int value_interface(const char *name, size_t length, struct config *config);

/* HTTP would listen on an address that other machines reach, and nothing says that this is wanted. */
bool config_is_exposed(const struct config *config);

/* A string of `openstack`, by its whole key, "openstack.meter". -EINVAL, and `right` says what would be. */
int config_put_openstack(struct config *config, const char *key, const char *text, const char **right);
/* Makes addresses of the controller. NULL, or what of `openstack` is missing. */
const char *config_settle_openstack(struct config_openstack *openstack);

#endif
