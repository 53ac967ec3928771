/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends one burst of UDP in each slot of time, of as many bytes of Ethernet frames as a line of standard input says.
 *
 *   burst_send ADDRESS PORT SLOT_US <bytes
 *
 * Slots are multiples of their length on the monotonic clock; a burst begins after a tenth of it. One whose slot has passed is
 * left out, as it would fall into another's. It runs before all else on its CPU, and prints what it did as a JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BURSTS_MAX 1000000
#define OVERHEAD 42 /* Ethernet, IPv4 and UDP headers */
#define FRAME_MAX 1514
#define FRAMES_MAX 128 /* of a burst */

static void fail(const char *what)
{
	fprintf(stderr, "burst_send: %s: %s\n", what, errno ? strerror(errno) : "not right");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t time_ns)
{
	struct timespec until = { .tv_sec = (time_t)(time_ns / 1000000000), .tv_nsec = (long)(time_ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Cuts the bytes into frames; the last two share what is left, so that each can have its headers. */
static unsigned int burst_cut(long bytes, struct iovec parts[FRAMES_MAX])
{
	unsigned int count = 0;

	while (bytes > 0) {
		long frame = bytes <= FRAME_MAX ? bytes : bytes < 2 * FRAME_MAX ? bytes / 2 : FRAME_MAX;

		if (frame < OVERHEAD || count == FRAMES_MAX)
			fail("a burst is too short or too long");
		parts[count++].iov_len = (size_t)(frame - OVERHEAD);
		bytes -= frame;
	}
	return count;
}

static void burst_send(int fd, long bytes)
{
	static unsigned char payload[FRAME_MAX];
	struct mmsghdr messages[FRAMES_MAX] = { 0 };
	struct iovec parts[FRAMES_MAX];
	unsigned int count = burst_cut(bytes, parts);

	for (unsigned int i = 0; i < count; i++) {
		parts[i].iov_base = payload;
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned int sent = 0; sent < count;) {
		int more = sendmmsg(fd, messages + sent, count - sent, 0);

		if (more < 0)
			fail("sendmmsg");
		sent += (unsigned int)more;
	}
}

static int connect_to(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail(address);
	return fd;
}

static long *bursts_read(size_t *count)
{
	long *bursts = calloc(BURSTS_MAX, sizeof(*bursts));

	if (!bursts)
		fail("memory");
	for (*count = 0; *count < BURSTS_MAX && scanf("%ld", &bursts[*count]) == 1;)
		++*count;
	return bursts;
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 1 };
	uint64_t slot_ns = argc == 4 ? strtoull(argv[3], NULL, 10) * 1000 : 0, slot;
	unsigned long long bytes = 0, left_out = 0;
	long *bursts;
	size_t count;
	int fd;

	if (!slot_ns)
		fail("usage: burst_send ADDRESS PORT SLOT_US");
	fd = connect_to(argv[1], argv[2]);
	bursts = bursts_read(&count);
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		fail("SCHED_FIFO");
	slot = now_ns() / slot_ns + 2;
	for (size_t i = 0; i < count; i++, slot++) {
		sleep_until(slot * slot_ns + slot_ns / 10);
		if (now_ns() > slot * slot_ns + slot_ns / 2) {
			left_out++;
			continue;
		}
		burst_send(fd, bursts[i]);
		bytes += (unsigned long long)bursts[i];
	}
	printf("{\"bursts\": %zu, \"left_out\": %llu, \"bytes\": %llu}\n", count, left_out, bytes);
	free(bursts);
	return 0;
}
