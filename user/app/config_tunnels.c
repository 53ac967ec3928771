/* SPDX-License-Identifier: BSD-2-Clause */
/* "decapsulate": ["vxlan", "geneve:6082", …]: which tunnels are looked into, and at which UDP port those that have one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/config_reading.h"
#include "base/number.h"

#define TUNNELS_RIGHT \
	"\"vxlan\", \"geneve\", \"gre\", \"ipip\" or \"gtpu\", with a UDP port such as \"vxlan:8472\" where it has one"

static const struct {
	const char *name;
	enum tunnel_kind kind;
	size_t port; /* offset in struct tunnels; 0: it has none */
} kinds[] = {
	{ "vxlan", TUNNEL_VXLAN, offsetof(struct tunnels, vxlan_port) },
	{ "geneve", TUNNEL_GENEVE, offsetof(struct tunnels, geneve_port) },
	{ "gtpu", TUNNEL_GTPU, offsetof(struct tunnels, gtpu_port) },
	{ .name = "gre", .kind = TUNNEL_GRE },
	{ .name = "ipip", .kind = TUNNEL_IPIP },
};

static int tunnel_take(struct tunnels *tunnels, const char *text)
{
	size_t length = strcspn(text, ":");
	uint64_t port;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) != length || strncmp(kinds[i].name, text, length) != 0)
			continue;
		tunnels->kinds |= kinds[i].kind;
		if (!text[length])
			return 0;
		if (!kinds[i].port || number_parse_u64(text + length + 1, 1, UINT16_MAX, &port))
			return -EINVAL;
		*(__u16 *)((char *)tunnels + kinds[i].port) = (__u16)port;
		return 0;
	}
	return -EINVAL;
}

void config_default_tunnels(struct tunnels *tunnels)
{
	*tunnels = (struct tunnels){
		.vxlan_port = TUNNEL_VXLAN_PORT,
		.geneve_port = TUNNEL_GENEVE_PORT,
		.gtpu_port = TUNNEL_GTPU_PORT,
	};
}

int config_read_tunnels(struct config_reading *reading, const char *key, const cJSON *node)
{
	struct tunnels *tunnels = &reading->config->constants.tunnels;
	unsigned int index = 0;

	if (!cJSON_IsArray(node))
		return config_refuse_value(reading, node, key, "an array of tunnels, such as [\"vxlan\", \"gre\"]");
	config_default_tunnels(tunnels);
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char name[64];

		snprintf(name, sizeof(name), "%s[%u]", key, index);
		if (!cJSON_IsString(item) || tunnel_take(tunnels, item->valuestring))
			return config_refuse_value(reading, item, name, TUNNELS_RIGHT);
	}
	return 0;
}
