/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet socket sees come into an interface, in bins of time: each frame's bytes by the time stamp that the kernel put
 * on it. Bins are multiples of their length on the monotonic clock. Ends when standard input does, and prints
 *
 *   {"first": EPOCH, "offset_ns": REALTIME LESS MONOTONIC, "dropped": FRAMES, "bytes": [of each bin]}
 *
 *   bin_watch INTERFACE BIN_US SECONDS_MAX
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define ROOM (64 << 20) /* of the socket: what comes while others run */

static void fail(const char *what)
{
	fprintf(stderr, "bin_watch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t offset_ns(void)
{
	int64_t before = clock_ns(CLOCK_MONOTONIC), real = clock_ns(CLOCK_REALTIME);

	return real - (before + clock_ns(CLOCK_MONOTONIC)) / 2;
}

static int open_on(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, room = ROOM;

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !address.sll_ifindex || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(interface);
	return fd;
}

struct bins {
	int64_t first, length_ns, offset_ns;
	size_t count;
	uint64_t *bytes;
};

static void take(struct bins *bins, struct msghdr *message, unsigned int bytes)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec time;
	int64_t bin;

	if (!control || control->cmsg_type != SCM_TIMESTAMPNS)
		fail("no time stamp");
	memcpy(&time, CMSG_DATA(control), sizeof(time));
	bin = ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec - bins->offset_ns) / bins->length_ns - bins->first;
	if (bin >= 0 && (size_t)bin < bins->count)
		bins->bytes[bin] += bytes;
}

static void receive(int fd, struct bins *bins)
{
	struct mmsghdr messages[BATCH] = { 0 };
	char controls[BATCH][CMSG_SPACE(sizeof(struct timespec))], first[BATCH];
	struct iovec parts[BATCH];
	int count;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ &first[i], 1 };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i],
						       .msg_iovlen = 1,
						       .msg_control = controls[i],
						       .msg_controllen = sizeof(controls[i]) };
	}
	count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	for (int i = 0; i < count; i++)
		take(bins, &messages[i].msg_hdr, messages[i].msg_len);
}

int main(int argc, char **argv)
{
	struct bins bins = { 0 };
	struct pollfd wanted[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	struct tpacket_stats statistics;
	socklen_t size = sizeof(statistics);

	if (argc != 4)
		fail("usage: bin_watch INTERFACE BIN_US SECONDS_MAX");
	bins.length_ns = atoll(argv[2]) * 1000;
	bins.count = (size_t)(atoll(argv[3]) * 1000000000 / bins.length_ns);
	bins.bytes = calloc(bins.count, sizeof(*bins.bytes));
	wanted[1].fd = open_on(argv[1]);
	bins.offset_ns = offset_ns();
	bins.first = clock_ns(CLOCK_MONOTONIC) / bins.length_ns;
	if (!bins.bytes || puts("ready") < 0 || fflush(stdout))
		fail("output");
	while (poll(wanted, 2, -1) > 0 && (!wanted[0].revents || wanted[1].revents))
		receive(wanted[1].fd, &bins);
	if (getsockopt(wanted[1].fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size))
		fail("statistics");
	printf("{\"first\": %lld, \"offset_ns\": %lld, \"dropped\": %u, \"bytes\": [", (long long)bins.first,
	       (long long)bins.offset_ns, statistics.tp_drops);
	for (size_t i = 0; i < bins.count; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)bins.bytes[i]);
	printf("]}\n");
	free(bins.bytes);
	return 0;
}
