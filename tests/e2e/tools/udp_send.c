/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends UDP as a test says: a number of packets, their size, their pace, and the numbers in them. It prints what it
 * really sent as one JSON object, so that a test compares a monitor with the sender and not with its own wish.
 *
 *   udp_send ADDRESS PORT [name=value…]
 *
 *   count=N        packets (1)            size=BYTES     payload (64)
 *   source=PORT    source port (any)      ports=N        destination ports PORT to PORT+N-1 in turn (1)
 *   gap_us=N       from packet to packet  mbit=N         10^6 bit/s of whole Ethernet frames; neither: as fast as it goes
 *   offset=BYTES   where the payload bears a 32-bit big-endian number (-1: nowhere)
 *   start=N step=N modulo=N               the numbers: start + i * step, modulo if given
 *   numbers=-      instead: the numbers to send, and so the count, from standard input
 *   pattern=HEX    bytes written at pattern_at=BYTES (0)
 *
 * The pace is kept against the start, so that a late packet makes no later one late.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PAYLOAD_MAX 65507
#define FRAME_OVERHEAD_V4 42 /* Ethernet, IPv4 and UDP headers */
#define FRAME_OVERHEAD_V6 62
#define NUMBER_SIZE 4
#define NUMBERS_MAX 10000000

struct job {
	struct sockaddr_storage to;
	socklen_t to_size;
	long count, size, source, ports, gap_us, mbit, offset, start, step, modulo, pattern_at;
	const char *pattern;
	bool listed;
	uint32_t *numbers;
};

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage to[BATCH];
	unsigned char *payloads; /* BATCH of them, each of the job's size */
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "udp_send: %s: %s\n", what, why);
	exit(1);
}

static bool set_number(struct job *job, const char *word, const char *value)
{
	const struct {
		const char *name;
		long *to, least, most;
	} members[] = {
		{ "count", &job->count, 1, 1000000000 },
		{ "size", &job->size, 0, PAYLOAD_MAX },
		{ "source", &job->source, 1, 65535 },
		{ "ports", &job->ports, 1, 65535 },
		{ "gap_us", &job->gap_us, 0, 10000000 },
		{ "mbit", &job->mbit, 0, 1000000 },
		{ "offset", &job->offset, -1, PAYLOAD_MAX },
		{ "start", &job->start, 0, UINT32_MAX },
		{ "step", &job->step, INT32_MIN, INT32_MAX },
		{ "modulo", &job->modulo, 0, UINT32_MAX },
		{ "pattern_at", &job->pattern_at, 0, PAYLOAD_MAX },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		size_t length = strlen(members[i].name);
		char *end;

		if (strncmp(word, members[i].name, length) != 0 || word[length] != '=')
			continue;
		errno = 0;
		*members[i].to = strtol(value, &end, 10);
		if (errno || *end || end == value || *members[i].to < members[i].least ||
		    *members[i].to > members[i].most)
			fail(word, "not a number in range");
		return true;
	}
	return false;
}

static void set_address(struct job *job, const char *address, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&job->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&job->to;
	long number = strtol(port, NULL, 10);

	if (number < 1 || number > 65535)
		fail(port, "not a port");
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)number);
		job->to_size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)number);
		job->to_size = sizeof(*v6);
	} else {
		fail(address, "not an address");
	}
}

static void read_numbers(struct job *job)
{
	size_t count = 0;
	long number;

	job->numbers = calloc(NUMBERS_MAX, sizeof(*job->numbers));
	if (!job->numbers)
		fail("numbers", "out of memory");
	while (count < NUMBERS_MAX && scanf("%ld", &number) == 1)
		job->numbers[count++] = (uint32_t)number;
	if (!count)
		fail("numbers", "there are none on standard input");
	job->count = (long)count;
}

static void read_words(struct job *job, int argc, char **argv)
{
	*job = (struct job){ .count = 1, .size = 64, .ports = 1, .offset = -1, .step = 1 };
	if (argc < 3)
		fail("usage", "udp_send ADDRESS PORT [name=value...]");
	set_address(job, argv[1], argv[2]);
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			fail(argv[i], "not name=value");
		if (!strcmp(argv[i], "numbers=-"))
			job->listed = true;
		else if (!strncmp(argv[i], "pattern=", 8))
			job->pattern = value + 1;
		else if (!set_number(job, argv[i], value + 1))
			fail(argv[i], "no such name");
	}
	if (job->listed)
		read_numbers(job);
	if (job->offset >= 0 && job->offset + NUMBER_SIZE > job->size)
		fail("offset", "the number does not fit the payload");
}

static void write_pattern(const struct job *job, unsigned char *payload)
{
	size_t length = job->pattern ? strlen(job->pattern) / 2 : 0;

	if (job->pattern_at + (long)length > job->size)
		fail("pattern", "it does not fit the payload");
	for (size_t i = 0; i < length; i++) {
		unsigned int byte;

		if (sscanf(job->pattern + 2 * i, "%2x", &byte) != 1)
			fail("pattern", "not hexadecimal");
		payload[(size_t)job->pattern_at + i] = (unsigned char)byte;
	}
}

/* Payloads are filled with a byte that occurs in no pattern of the tests. */
static void batch_build(const struct job *job, struct batch *batch)
{
	batch->payloads = calloc(BATCH, (size_t)job->size + 1);
	if (!batch->payloads)
		fail("payloads", "out of memory");
	memset(batch->messages, 0, sizeof(batch->messages));
	for (size_t i = 0; i < BATCH; i++) {
		unsigned char *payload = batch->payloads + i * (size_t)job->size;

		memset(payload, 0x55, (size_t)job->size);
		write_pattern(job, payload);
		batch->to[i] = job->to;
		batch->parts[i] = (struct iovec){ .iov_base = payload, .iov_len = (size_t)job->size };
		batch->messages[i].msg_hdr = (struct msghdr){ .msg_name = &batch->to[i],
							      .msg_namelen = job->to_size,
							      .msg_iov = &batch->parts[i],
							      .msg_iovlen = 1 };
	}
}

static void fill(const struct job *job, struct batch *batch, size_t place, long i)
{
	in_port_t first = ((const struct sockaddr_in *)&job->to)->sin_port;
	in_port_t port = htons((uint16_t)(ntohs(first) + i % job->ports));

	/* Both families have the port in the same place. */
	((struct sockaddr_in *)&batch->to[place])->sin_port = port;
	if (job->offset >= 0) {
		int64_t number = job->numbers ? job->numbers[i] : job->start + (int64_t)i * job->step;
		uint32_t word = htonl((uint32_t)(job->modulo ? number % job->modulo : number));

		memcpy(batch->payloads + place * (size_t)job->size + job->offset, &word, sizeof(word));
	}
}

static int open_socket(const struct job *job)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)job->source) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)job->source) };
	bool is_v6 = job->to.ss_family == AF_INET6;
	int fd = socket(job->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket", strerror(errno));
	if (job->source &&
	    bind(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof(v6) : sizeof(v4)))
		fail("source", strerror(errno));
	return fd;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static double gap_seconds(const struct job *job)
{
	double frame = (double)job->size + (job->to.ss_family == AF_INET ? FRAME_OVERHEAD_V4 : FRAME_OVERHEAD_V6);

	return job->gap_us ? (double)job->gap_us / 1e6 : job->mbit ? frame * 8 / ((double)job->mbit * 1e6) : 0;
}

/* How many packets are due; sleeps until one is. Small gaps are made in small bursts. */
static long wait_for_due(const struct timespec *start, double gap, long sent)
{
	double ahead;

	if (gap <= 0)
		return BATCH;
	ahead = (double)sent * gap - seconds_since(start);
	if (ahead > 0) {
		struct timespec pause = { .tv_sec = (time_t)ahead,
					  .tv_nsec = (long)((ahead - (double)(time_t)ahead) * 1e9) };

		nanosleep(&pause, NULL);
	}
	return (long)(seconds_since(start) / gap) + 1 - sent;
}

/* ECONNREFUSED tells of an earlier packet; the one at hand has not been sent then. */
static void send_all(int fd, struct batch *batch, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int sent = sendmmsg(fd, batch->messages + done, count - done, 0);

		if (sent > 0)
			done += (unsigned int)sent;
		else if (errno != ECONNREFUSED && errno != EINTR && errno != ENOBUFS)
			fail("send", strerror(errno));
	}
}

int main(int argc, char **argv)
{
	struct job job;
	struct batch batch;
	struct timespec start;
	double gap;
	int fd;

	read_words(&job, argc, argv);
	batch_build(&job, &batch);
	fd = open_socket(&job);
	gap = gap_seconds(&job);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long sent = 0; sent < job.count;) {
		long due = wait_for_due(&start, gap, sent), size = due > BATCH ? BATCH : due < 1 ? 1 : due;

		size = size > job.count - sent ? job.count - sent : size;
		for (long i = 0; i < size; i++)
			fill(&job, &batch, (size_t)i, sent + i);
		send_all(fd, &batch, (unsigned int)size);
		sent += size;
	}
	printf("{\"packets\":%ld,\"payload_bytes\":%lld,\"seconds\":%.6f}\n", job.count,
	       (long long)job.count * job.size, seconds_since(&start));
	close(fd);
	free(batch.payloads);
	free(job.numbers);
	return 0;
}
