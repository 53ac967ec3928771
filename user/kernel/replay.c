/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/replay.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libpcap's struct bpf_insn is the classic one; only its files are of interest here. */
#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/pcap.h>

#include "kernel/monitor_internal.h"
#include "kernel/replay_link.h"

#define FRAME_MIN 14 /* a test run takes no shorter one */

struct replay {
	struct monitor *monitor;
	pcap_t *capture;
	const struct replay_link *link;
	char name[256];
	struct replay_summary summary;
	uint64_t size; /* of the file; 0: not known */
	unsigned int ifindex;
	uint64_t time_ns; /* of the last frame */
	/* The note and the frame, as the program is given them. */
	struct {
		struct packet_note note;
		uint8_t frame[REPLAY_FRAME_MAX];
	} input;
};

static int capture_open(struct replay *replay, const char *path, char error[MONITOR_ERROR_SIZE])
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	bool standard = !strcmp(path, "-");
	FILE *file = standard ? stdin : fopen(path, "rbe");
	struct stat status;
	int type;

	snprintf(replay->name, sizeof(replay->name), "%.255s", standard ? "standard input" : path);
	if (!file) {
		int err = -errno;

		snprintf(error, MONITOR_ERROR_SIZE, "cannot read %s: %s", replay->name, strerror(-err));
		return err;
	}
	if (!fstat(fileno(file), &status) && S_ISREG(status.st_mode))
		replay->size = (uint64_t)status.st_size;
	replay->capture = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (!replay->capture) {
		if (!standard)
			fclose(file);
		snprintf(error, MONITOR_ERROR_SIZE, "%s is not a capture: %s: a pcap or pcapng file would be right",
			 replay->name, reason);
		return -EINVAL;
	}
	type = pcap_datalink(replay->capture);
	replay->link = replay_link_of(type);
	if (!replay->link) {
		const char *name = pcap_datalink_val_to_name(type);

		snprintf(error, MONITOR_ERROR_SIZE, "%s: cannot read link type %s (%d): " REPLAY_LINKS " can be read",
			 replay->name, name ? name : "unknown", type);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

/* A test run's frames come from the loopback device of the network namespace. */
static int ledger_take(struct replay *replay, char error[MONITOR_ERROR_SIZE])
{
	int number;

	replay->ifindex = if_nametoindex("lo");
	number = replay->ifindex ? place_take(replay->monitor, replay->ifindex) : -ENODEV;
	if (number < 0) {
		snprintf(error, MONITOR_ERROR_SIZE,
			 "cannot replay: this network namespace has no loopback device lo: %s", strerror(-number));
		return number;
	}
	return 0;
}

int replay_open(const struct monitor_config *config, const char *path, struct replay **out,
		char error[MONITOR_ERROR_SIZE])
{
	struct replay *replay = calloc(1, sizeof(*replay));
	struct monitor_config own = *config;
	int err;

	if (!replay) {
		snprintf(error, MONITOR_ERROR_SIZE, "no memory for the replay");
		return -ENOMEM;
	}
	own.constants.clock = CLOCK_OF_PACKET;
	own.hook = HOOK_XDP;
	own.direction[DIRECTION_INGRESS] = true;
	own.direction[DIRECTION_EGRESS] = false;
	err = capture_open(replay, path, error);
	if (!err)
		err = monitor_open(&own, &replay->monitor, error);
	if (!err)
		err = ledger_take(replay, error);
	if (err) {
		replay_close(replay);
		return err;
	}
	*out = replay;
	return 0;
}

struct replay *replay_close(struct replay *replay)
{
	if (!replay)
		return NULL;
	monitor_close(replay->monitor);
	if (replay->capture)
		pcap_close(replay->capture);
	free(replay);
	return NULL;
}

struct monitor *replay_monitor(struct replay *replay)
{
	return replay->monitor;
}

unsigned int replay_ifindex(const struct replay *replay)
{
	return replay->ifindex;
}

const struct replay_summary *replay_summary(const struct replay *replay)
{
	return &replay->summary;
}

double replay_progress(const struct replay *replay)
{
	long at = replay->size ? ftell(pcap_file(replay->capture)) : -1;

	return at < 0 ? -1 : (double)at / (double)replay->size;
}

static int frame_run(struct replay *replay, size_t bytes)
{
	struct xdp_md context = { .data = sizeof(replay->input.note),
				  .data_end = (uint32_t)(sizeof(replay->input.note) + bytes) };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &replay->input, .data_size_in = context.data_end,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	return bpf_prog_test_run_opts(bpf_program__fd(replay->monitor->skeleton->progs.flowgauge_xdp), &options);
}

static uint64_t time_of(const struct pcap_pkthdr *header)
{
	/* With nanosecond precision tv_usec holds nanoseconds. A time before the epoch is read as the epoch. */
	if (header->ts.tv_sec < 0)
		return 0;
	return (uint64_t)header->ts.tv_sec * 1000000000ULL + (uint64_t)header->ts.tv_usec;
}

static void summarize(struct replay *replay, const struct pcap_pkthdr *header, uint64_t time_ns)
{
	struct replay_summary *summary = &replay->summary;

	if (!summary->frames || time_ns < summary->first_ns)
		summary->first_ns = time_ns;
	if (!summary->frames || time_ns > summary->last_ns)
		summary->last_ns = time_ns;
	if (summary->frames && time_ns < replay->time_ns)
		summary->backwards++;
	if (header->caplen < header->len)
		summary->cut++;
	summary->frames++;
	replay->time_ns = time_ns;
}

static int frame_take(struct replay *replay, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
	size_t captured = header->caplen < REPLAY_FRAME_MAX ? header->caplen : REPLAY_FRAME_MAX;
	size_t given = captured > FRAME_MIN ? captured : FRAME_MIN;
	uint64_t time_ns = time_of(header);

	summarize(replay, header, time_ns);
	memset(replay->input.frame, 0, FRAME_MIN);
	memcpy(replay->input.frame, bytes, captured);
	replay->input.note = (struct packet_note){
		.time_ns = time_ns,
		.wire_length = header->len > header->caplen ? header->len : header->caplen,
	};
	replay_link_note(replay->link, bytes, captured, &replay->input.note);
	return frame_run(replay, given);
}

int replay_run(struct replay *replay, uint64_t frames, char error[MONITOR_ERROR_SIZE])
{
	for (uint64_t i = 0; i < frames; i++) {
		struct pcap_pkthdr *header;
		const u_char *bytes;
		int got = pcap_next_ex(replay->capture, &header, &bytes), err;

		if (got == PCAP_ERROR_BREAK)
			return 0;
		if (got != 1) {
			snprintf(error, MONITOR_ERROR_SIZE,
				 "%s is damaged at byte %ld, after %llu frames: %s: what came before is counted",
				 replay->name, ftell(pcap_file(replay->capture)),
				 (unsigned long long)replay->summary.frames, pcap_geterr(replay->capture));
			return -EIO;
		}
		err = frame_take(replay, header, bytes);
		if (err) {
			snprintf(error, MONITOR_ERROR_SIZE, "the kernel does not run frame %llu of %s: %s",
				 (unsigned long long)replay->summary.frames, replay->name, strerror(-err));
			return err;
		}
	}
	return 1;
}
