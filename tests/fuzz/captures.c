/* SPDX-License-Identifier: BSD-2-Clause */
#include "captures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/pcap.h>

#include "kernel/replay_link.h"

#define FRAMES_OF_EACH 300

const char *captures_directory(void)
{
	const char *named = getenv("FLOWGAUGE_PCAPS");

	return named && *named ? named : CAPTURES_DEFAULT;
}

/* As a replay gives it to the program. */
static void take(struct frame *frame, const struct replay_link *link, const struct pcap_pkthdr *header,
		 const u_char *bytes)
{
	struct packet_note note = { 0 };
	uint32_t elsewhere = header->len > header->caplen ? header->len - header->caplen : 0;

	memset(&frame->header, 0, sizeof(frame->header));
	frame->length = header->caplen < FRAME_BYTES_MAX ? header->caplen : FRAME_BYTES_MAX;
	elsewhere += header->caplen - (uint32_t)frame->length;
	memcpy(frame->bytes, bytes, frame->length);
	replay_link_note(link, frame->bytes, frame->length, &note);
	frame->header.flags = FRAME_CAPTURED | (note.link_protocol ? FRAME_NO_ETHERNET : 0);
	frame->header.link_bytes = (uint8_t)note.link_bytes;
	frame->header.link_protocol = note.link_protocol;
	frame->header.elsewhere = elsewhere < UINT16_MAX ? (uint16_t)elsewhere : UINT16_MAX;
}

static int capture_visit(const char *path, void (*visit)(void *context, const struct frame *frame), void *context)
{
	static struct frame frame;
	char reason[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, reason);
	const struct replay_link *link = capture ? replay_link_of(pcap_datalink(capture)) : NULL;
	struct pcap_pkthdr *header;
	const u_char *bytes;

	for (int i = 0; link && i < FRAMES_OF_EACH && pcap_next_ex(capture, &header, &bytes) == 1; i++) {
		take(&frame, link, header, bytes);
		visit(context, &frame);
	}
	if (capture)
		pcap_close(capture);
	return link != NULL;
}

int captures_visit(const char *directory, void (*visit)(void *context, const struct frame *frame), void *context)
{
	struct dirent **names;
	int entries = scandir(directory, &names, NULL, alphasort), captures = 0;
	char path[4096];

	if (entries < 0)
		return -errno;
	for (int i = 0; i < entries; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		if (strstr(names[i]->d_name, ".pcap"))
			captures += capture_visit(path, visit, context);
		free(names[i]);
	}
	free(names);
	return captures;
}
