/* SPDX-License-Identifier: BSD-2-Clause */
/* The link types of captures that can be replayed. */
#ifndef FLOWGAUGE_REPLAY_LINK_H
#define FLOWGAUGE_REPLAY_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "constants.h"

#define REPLAY_LINKS "Ethernet, raw IP and Linux cooked (v1, v2)"

struct replay_link;

/* `type`: libpcap's DLT_*. NULL: it cannot be read. */
const struct replay_link *replay_link_of(int type);
/* Tells the program where a frame's network header starts and what it is, if its link header is not Ethernet's. */
void replay_link_note(const struct replay_link *link, const uint8_t *frame, size_t captured, struct packet_note *note);

#endif
