/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file through the very programs that watch interfaces, frame by frame in the kernel, with the capture's own
 * clock. No second parser and no second accounting: what is read afterwards is what a live monitor would have read.
 *
 * Ethernet, raw IP and Linux cooked (v1, v2) captures, pcap or pcapng, by libpcap.
 */
#ifndef FLOWGAUGE_REPLAY_H
#define FLOWGAUGE_REPLAY_H

#include "kernel/monitor.h"

#define REPLAY_FRAME_MAX 9216      /* bytes of a frame that are looked at; what lies beyond is counted, not read */
#define REPLAY_INTERFACE "capture" /* the interface's name in the report */

struct replay;

struct replay_summary {
	uint64_t frames;
	uint64_t first_ns, last_ns; /* earliest and latest time stamp; ns since the epoch */
	uint64_t backwards;         /* frames whose time was before that of the frame before */
	uint64_t cut;               /* frames of which not all bytes were captured */
};

/* "-" is standard input. A monitor with constants.clock == CLOCK_OF_PACKET is loaded and closed with the replay. */
int replay_open(const struct monitor_config *config, const char *path, struct replay **out,
		char error[MONITOR_ERROR_SIZE]);
struct replay *replay_close(struct replay *replay);

struct monitor *replay_monitor(struct replay *replay);    /* to set rules before, and to read after; not to be closed */
unsigned int replay_ifindex(const struct replay *replay); /* of the records */

/*
 * Runs up to `frames` frames. 1: there is more; 0: the file has ended; -errno with one line in `error`: it is damaged
 * there, and what came before it was counted.
 */
int replay_run(struct replay *replay, uint64_t frames, char error[MONITOR_ERROR_SIZE]);
const struct replay_summary *replay_summary(const struct replay *replay);
/* Share of the file that was read, 0 to 1; negative if its size is not known. */
double replay_progress(const struct replay *replay);

#endif
