/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace for a test program, with wires in it. Failures fail the running test. */
#ifndef FLOWGAUGE_SANDBOX_H
#define FLOWGAUGE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/monitor.h"

/* Moves the process into a new, silent network namespace. NULL, or why this machine cannot. */
const char *sandbox_enter(void);

/* Runs a shell command, which must succeed. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

unsigned int index_of(const char *name);

#define PROGRAM_NAME_SIZE 16 /* the kernel keeps no more of it */
/* Of the XDP program on an interface; "" if there is none. */
void xdp_program_name(const char *interface, char name[PROGRAM_NAME_SIZE]);

/* A device of the tun driver: `address_type` is its link type (ARPHRD_*), `tap` whether it has Ethernet frames. */
int tun_make(const char *name, bool tap, int address_type);

/* A UDP frame over IPv4, 10.1.0.1:sport to 10.1.0.2:9999; returns its length. `ethernet` false: from the IP header on. */
#define FRAME_PAYLOAD 58
#define FRAME_BYTES (14 + 20 + 8 + FRAME_PAYLOAD)
size_t frame_make(uint8_t frame[FRAME_BYTES], uint16_t sport, bool ethernet);

/* Puts `count` such frames on the interface, from the port on, one after another. */
void frames_send(const char *interface, uint16_t sport, unsigned int count);

/* What a monitor has read of one interface: the sums over its flows, and its ledger. */
struct readout {
	unsigned int ifindex;
	unsigned int ledgers; /* how many were given for this interface */
	unsigned int flows[DIRECTIONS];
	uint64_t flow_packets[DIRECTIONS];
	struct ledger_record ledger[DIRECTIONS];
	unsigned int residuals;
	int64_t residual[DIRECTIONS];
};
struct readout readout_of(struct monitor *monitor, unsigned int ifindex);

struct monitor_config config_of(enum hook_choice hook);
struct monitor *monitor_of(enum hook_choice hook); /* both directions, 65536 flows */
struct attachment attach(struct monitor *monitor, const char *interface);

#endif
