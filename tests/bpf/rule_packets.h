/* SPDX-License-Identifier: BSD-2-Clause */
/* A monitor without an interface, and packets of a flow run through its XDP program: the ledger tells what became of each. */
#ifndef FLOWGAUGE_TEST_RULE_PACKETS_H
#define FLOWGAUGE_TEST_RULE_PACKETS_H

#include <stdint.h>

#include "kernel/monitor_internal.h"

/* Fixtures of one test. loaded_monitor skips the test where the process lacks the privileges, and says which. */
int monitor_setup(void **state);
int monitor_teardown(void **state);
struct monitor *loaded_monitor(void **state);

struct flow_key key_of(const char *src, const char *dst, uint16_t sport, uint16_t dport, uint8_t protocol);

/* Runs one packet of the flow; its bytes. Asserts nothing but that it passes, so that a thread may call it: -errno if not. */
int run_packet(const struct monitor *monitor, const struct flow_key *key);
struct ledger_record ledger_now(struct monitor *monitor);
/* Sends one packet of the flow; the outcome that it was charged to, and no other. */
enum outcome send_packet(struct monitor *monitor, const struct flow_key *key);

#endif
