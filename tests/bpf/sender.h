/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets to a loaded program from threads of their own, each on a CPU of its own: what the program does on one CPU it does
 * while it runs on the others. Failures are told when the sender is waited for.
 */
#ifndef FLOWGAUGE_TEST_SENDER_H
#define FLOWGAUGE_TEST_SENDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "packets.h"

struct sender {
	int program_fd;
	int cpu;
	struct packet packet; /* without VLAN tags or IP options: its source port is written into it */
	unsigned int flows;   /* by as many source ports, from PACKET_SPORT on, in turn */
	unsigned int repeat;  /* packets of a flow before it is the next one's turn */
	uint64_t packets;     /* to be sent */
	/* the sender's own */
	pthread_t thread;
	bool done;
	uint64_t sent;
	int error;
};

/* CPUs that this process may run on, the first `room` of them; how many there are. */
int cpus_of_mine(int *cpus, int room);

void sender_start(struct sender *sender);
bool sender_is_done(const struct sender *sender);
/* Returns how many packets it sent. */
uint64_t sender_wait(struct sender *sender);
/* Sends one packet of the first flow here and now, so many times. */
void sender_send(const struct sender *sender, unsigned int times);

#endif
