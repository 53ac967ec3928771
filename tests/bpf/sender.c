/* SPDX-License-Identifier: BSD-2-Clause */
#include "sender.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SPORT_AT (14 + (packet[14] >> 4 == 6 ? 40 : 20))

int cpus_of_mine(int *cpus, int room)
{
	cpu_set_t set;
	int count = 0;

	assert_return_code(sched_getaffinity(0, sizeof(set), &set), errno);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		if (count < room)
			cpus[count] = cpu;
		count++;
	}
	return count;
}

static int run(const struct sender *sender, unsigned int flow, unsigned int times)
{
	uint8_t packet[sizeof(sender->packet.bytes)];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = (uint32_t)sender->packet.length,
		    .repeat = (int)times);

	memcpy(packet, sender->packet.bytes, sender->packet.length);
	packet_put16(packet + SPORT_AT, PACKET_SPORT + flow);
	return bpf_prog_test_run_opts(sender->program_fd, &options);
}

static void *sender_run(void *context)
{
	struct sender *sender = context;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sender->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		sender->error = -errno;
	for (unsigned int flow = 0; !sender->error; flow = (flow + 1) % sender->flows) {
		uint64_t left = sender->packets - sender->sent;
		unsigned int times = left < sender->repeat ? (unsigned int)left : sender->repeat;

		if (!times)
			break;
		sender->error = run(sender, flow, times);
		if (!sender->error)
			sender->sent += times;
	}
	__atomic_store_n(&sender->done, true, __ATOMIC_RELEASE);
	return NULL;
}

void sender_start(struct sender *sender)
{
	sender->done = false;
	sender->sent = 0;
	sender->error = 0;
	assert_int_equal(pthread_create(&sender->thread, NULL, sender_run, sender), 0);
}

bool sender_is_done(const struct sender *sender)
{
	return __atomic_load_n(&sender->done, __ATOMIC_ACQUIRE);
}

uint64_t sender_wait(struct sender *sender)
{
	assert_int_equal(pthread_join(sender->thread, NULL), 0);
	assert_return_code(sender->error, -sender->error);
	return sender->sent;
}

void sender_send(const struct sender *sender, unsigned int times)
{
	assert_return_code(run(sender, 0, times), errno);
}
