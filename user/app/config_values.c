/* SPDX-License-Identifier: BSD-2-Clause */
/* Values are checked here as far as they can be without asking the machine: a name's form, not whether it exists. */
#include "app/config_values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define LISTEN_LOCAL "127.0.0.1"

/* Cuts "ADDRESS:PORT" in two; brackets around an IPv6 address are taken off. */
static int listen_split(const char *text, char address[64], int *family, const char **port)
{
	const char *start = text, *end;

	*family = AF_INET;
	if (*text == '[') {
		*family = AF_INET6;
		start++;
		end = strchr(text, ']');
		if (!end || end[1] != ':')
			return -EINVAL;
		*port = end + 2;
	} else {
		end = strchr(text, ':');
		if (!end || strchr(end + 1, ':'))
			return -EINVAL;
		*port = end + 1;
	}
	if (end - start >= 64)
		return -EINVAL;
	memcpy(address, start, end - start);
	address[end - start] = '\0';
	if (*text == ':' || !strcmp(address, "localhost"))
		memcpy(address, LISTEN_LOCAL, sizeof(LISTEN_LOCAL));
	return 0;
}

int value_listen(const char *text, struct config *config)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char address[64];
	const char *port_text;
	uint64_t port;
	int family;

	if (listen_split(text, address, &family, &port_text) || inet_pton(family, address, binary) != 1 ||
	    number_parse_u64(port_text, 1, UINT16_MAX, &port))
		return -EINVAL;
	memcpy(config->http_address, address, sizeof(address));
	config->http_port = (uint16_t)port;
	return 0;
}

static bool is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool config_is_exposed(const struct config *config)
{
	return config->http_enabled && !config->http_allow_unauthenticated && !is_loopback(config->http_address);
}

int value_hook(const char *text, enum hook_choice *out)
{
	static const char *const names[] = {
		[HOOK_AUTO] = "auto", [HOOK_XDP] = "xdp",       [HOOK_XDP_GENERIC] = "xdp-generic",
		[HOOK_TC] = "tc",     [HOOK_CLSACT] = "clsact",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], text)) {
			*out = (enum hook_choice)i;
			return 0;
		}
	return -EINVAL;
}

int value_direction(const char *text, bool out[DIRECTIONS])
{
	bool both = !strcmp(text, "both"), in = !strcmp(text, "in"), outward = !strcmp(text, "out");

	if (!both && !in && !outward)
		return -EINVAL;
	out[DIRECTION_INGRESS] = both || in;
	out[DIRECTION_EGRESS] = both || outward;
	return 0;
}

int value_rtt_scope(const char *text, struct config *config)
{
	for (int scope = 0; scope < RTT_SCOPES; scope++)
		if (!strcmp(rtt_scope_names[scope], text)) {
			config->rtt.scope = (enum rtt_scope)scope;
			return 0;
		}
	return -EINVAL;
}

int value_control(const char *text, struct config *config)
{
	size_t length = strlen(text);

	if (!length || length >= sizeof(config->control_path))
		return -EINVAL;
	memset(config->control_path, 0, sizeof(config->control_path));
	memcpy(config->control_path, text, length);
	return 0;
}

int value_rate_tcp(const char *text, struct config *config)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t length = colon ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (!colon || number_parse_u64(colon + 1, 1, UINT16_MAX, &port))
		return -EINVAL;
	if (*text == '[' && length > 2 && text[length - 1] == ']') {
		host++;
		length -= 2;
	} else if (memchr(text, ':', length)) {
		return -EINVAL;
	}
	if (!length || length >= sizeof(config->rate_tcp_host) || strcspn(host, " \t[]/") < length)
		return -EINVAL;
	memset(config->rate_tcp_host, 0, sizeof(config->rate_tcp_host));
	memcpy(config->rate_tcp_host, host, length);
	config->rate_tcp_port = (uint16_t)port;
	return 0;
}

int value_rate_file(const char *text, struct config *config)
{
	size_t length = strlen(text);

	if (!length || length >= sizeof(config->rate_file))
		return -EINVAL;
	memset(config->rate_file, 0, sizeof(config->rate_file));
	memcpy(config->rate_file, text, length);
	return 0;
}

/* The kernel's own rule for names (dev_valid_name); a comma, which it allows, is here what separates two of them. */
int value_interface(const char *name, size_t length, struct config *config)
{
	if (!length || length >= IF_NAMESIZE || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = name[i];

		if (iscntrl(c) || isspace(c) || strchr("/:,", c))
			return -EINVAL;
	}
	if (config->interface_count == INTERFACE_PATTERNS_MAX)
		return -ENOSPC;
	memset(config->interfaces[config->interface_count], 0, IF_NAMESIZE);
	memcpy(config->interfaces[config->interface_count++], name, length);
	return 0;
}
