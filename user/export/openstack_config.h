/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings of the way to OpenStack, kept: strings of their own, addresses without the version that may end them. */
#ifndef FLOWGAUGE_OPENSTACK_CONFIG_H
#define FLOWGAUGE_OPENSTACK_CONFIG_H

#include "export/openstack.h"

struct openstack_config_copy {
	struct openstack_config config;
	char *strings[16]; /* owned */
	size_t count;
};

int openstack_config_keep(const struct openstack_config *config, struct openstack_config_copy *out); /* 0 or -ENOMEM */
void openstack_config_forget(struct openstack_config_copy *copy);

#endif
