/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ETHTOOL_GLINKSETTINGS is asked twice: the first answer says how many words the kernel's lists of link modes have, and
 * only a question with just so many is answered. Not /sys/class/net, which shows the namespace that it was mounted in.
 */
#include "kernel/link_speed.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_PER_MEGABIT 125000ULL
#define MODE_LISTS 3       /* supported, advertised, of the peer */
#define MODE_WORDS_MAX 127 /* what the counting byte holds */

struct settings {
	struct ethtool_link_settings head;
	__u32 modes[MODE_LISTS * MODE_WORDS_MAX];
};

static uint32_t speed_ask(int fd, const char *interface)
{
	struct settings settings = { .head.cmd = ETHTOOL_GLINKSETTINGS };
	struct ifreq request = { .ifr_data = (char *)&settings };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCETHTOOL, &request) || settings.head.link_mode_masks_nwords >= 0)
		return 0;
	settings.head.cmd = ETHTOOL_GLINKSETTINGS;
	settings.head.link_mode_masks_nwords = (__s8)-settings.head.link_mode_masks_nwords;
	if (ioctl(fd, SIOCETHTOOL, &request) || settings.head.speed == (uint32_t)SPEED_UNKNOWN)
		return 0;
	return settings.head.speed;
}

uint64_t link_speed_read(const char *interface)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t megabits;

	if (fd < 0)
		return 0;
	megabits = speed_ask(fd, interface);
	close(fd);
	return megabits * BYTES_PER_MEGABIT;
}
