/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of config.json for those who sift flows in userspace: pages of flows, and groups. */
#ifndef FLOWGAUGE_FLOW_RULES_H
#define FLOWGAUGE_FLOW_RULES_H

#include "export/flows_page.h"

extern const struct flows_match flow_rules;

#endif
