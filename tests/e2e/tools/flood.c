/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floods an interface with UDP flows, each of one packet and none like another: addresses and ports are a bijection of the
 * flow's number, so that they look random and never repeat. It prints how many it sent as one JSON object.
 *
 *   flood INTERFACE COUNT [SEED]
 *
 * It ends early, and says so by its count, when the interface is taken away.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define FRAME_BYTES 60
#define SOURCE_AT 26
#define DESTINATION_AT 30
#define PORTS_AT 34

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	unsigned char frames[BATCH][FRAME_BYTES];
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "flood: %s: %s\n", what, why);
	exit(1);
}

/* A bijection of 32 bits: odd factors and shifts onto itself can be undone. */
static uint32_t scatter(uint32_t number)
{
	number ^= number >> 16;
	number *= 0x7feb352dU;
	number ^= number >> 15;
	number *= 0x846ca68bU;
	return number ^ number >> 16;
}

static void write_flow(unsigned char *frame, uint32_t number, uint32_t seed)
{
	uint32_t source = htonl(scatter(number ^ seed)), other = scatter(number + seed);

	memcpy(frame + SOURCE_AT, &source, sizeof(source));
	memcpy(frame + DESTINATION_AT, &other, sizeof(other));
	memcpy(frame + PORTS_AT, &source, sizeof(source));
}

/* To a unicast address that nobody has: no host answers. */
static void batch_build(struct batch *batch, struct sockaddr_ll *to)
{
	static const unsigned char start[] = {
		0x02, 0, 0, 0,  0, 0xfe, 0x02, 0, 0,  0,  0, 0xff, 0x08, 0,                   /* Ethernet */
		0x45, 0, 0, 46, 0, 0,    0,    0, 64, 17, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, /* IPv4 */
		0,    0, 0, 0,  0, 26,   0,    0,                                             /* UDP */
	};

	memset(batch, 0, sizeof(*batch));
	for (int i = 0; i < BATCH; i++) {
		memcpy(batch->frames[i], start, sizeof(start));
		batch->parts[i] = (struct iovec){ .iov_base = batch->frames[i], .iov_len = FRAME_BYTES };
		batch->messages[i].msg_hdr = (struct msghdr){
			.msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &batch->parts[i], .msg_iovlen = 1
		};
	}
}

/* How many were sent; fewer when the interface is gone. */
static unsigned int batch_send(int fd, struct batch *batch, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int sent = sendmmsg(fd, batch->messages + done, count - done, 0);

		if (sent > 0)
			done += (unsigned int)sent;
		else if (errno == ENXIO || errno == ENETDOWN || errno == ENODEV)
			break;
		else if (errno != EINTR && errno != ENOBUFS && errno != EAGAIN)
			fail("send", strerror(errno));
	}
	return done;
}

int main(int argc, char **argv)
{
	static struct batch batch;
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = ETH_ALEN };
	uint32_t count, seed, sent = 0;
	int fd;

	if (argc < 3)
		fail("usage", "flood INTERFACE COUNT [SEED]");
	count = (uint32_t)strtoul(argv[2], NULL, 10);
	seed = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (!count || !to.sll_ifindex)
		fail(argv[1], "no such interface, or nothing to send");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket", strerror(errno));
	batch_build(&batch, &to);
	while (sent < count) {
		unsigned int size = count - sent < BATCH ? count - sent : BATCH, done;

		for (unsigned int i = 0; i < size; i++)
			write_flow(batch.frames[i], sent + i, seed);
		done = batch_send(fd, &batch, size);
		sent += done;
		if (done < size)
			break;
	}
	printf("{\"packets\":%u}\n", sent);
	close(fd);
	return 0;
}
