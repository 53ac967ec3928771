/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* No address is configured by the kernel itself: only what a test sends is on the wires. */
static bool ipv6_silence(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return errno == ENOENT;
	done = write(fd, "1", 1) == 1;
	close(fd);
	return done;
}

const char *sandbox_enter(void)
{
	const char *missing = monitor_missing_capabilities();

	if (missing)
		return missing;
	if (unshare(CLONE_NEWNET))
		return "CAP_SYS_ADMIN (a network namespace of its own)";
	if (!ipv6_silence())
		return "a writable /proc/sys/net";
	return NULL;
}

void run(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command))
		fail_msg("failed: %s", command);
}

unsigned int index_of(const char *name)
{
	unsigned int ifindex = if_nametoindex(name);

	assert_int_not_equal(ifindex, 0);
	return ifindex;
}

void xdp_program_name(const char *interface, char name[PROGRAM_NAME_SIZE])
{
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info), id = 0;
	int fd;

	name[0] = '\0';
	assert_int_equal(bpf_xdp_query_id((int)index_of(interface), 0, &id), 0);
	if (!id)
		return;
	fd = bpf_prog_get_fd_by_id(id);
	assert_return_code(fd, errno);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	snprintf(name, PROGRAM_NAME_SIZE, "%s", info.name);
}

int tun_make(const char *name, bool tap, int address_type)
{
	struct ifreq request = { .ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		print_message("no /dev/net/tun (CONFIG_TUN): skipped\n");
		skip();
	}
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_return_code(ioctl(fd, TUNSETIFF, &request), errno);
	assert_return_code(ioctl(fd, TUNSETLINK, (unsigned long)address_type), errno);
	return fd;
}

static uint16_t checksum_of(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void put16(uint8_t *bytes, unsigned int value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

size_t frame_make(uint8_t frame[FRAME_BYTES], uint16_t sport, bool ethernet)
{
	uint8_t *ip = frame + (ethernet ? ETH_HLEN : 0);

	memset(frame, 0, FRAME_BYTES);
	if (ethernet) {
		memset(frame, 0xff, ETH_ALEN);
		frame[ETH_ALEN] = 0x02;
		put16(frame + 12, ETH_P_IP);
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + 8 + FRAME_PAYLOAD);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, "\x0a\x01\x00\x01\x0a\x01\x00\x02", 8);
	put16(ip + 10, checksum_of(ip));
	put16(ip + 20, sport);
	put16(ip + 22, 9999);
	put16(ip + 24, 8 + FRAME_PAYLOAD);
	return (size_t)(ip - frame) + 20 + 8 + FRAME_PAYLOAD;
}

void frames_send(const char *interface, uint16_t sport, unsigned int count)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	uint8_t frame[FRAME_BYTES];
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	address.sll_ifindex = (int)index_of(interface);
	address.sll_protocol = htons(ETH_P_IP);
	for (unsigned int i = 0; i < count; i++) {
		size_t length = frame_make(frame, (uint16_t)(sport + i), true);

		assert_int_equal(sendto(fd, frame, length, 0, (struct sockaddr *)&address, sizeof(address)), length);
	}
	close(fd);
}

static void readout_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct readout *readout = context;

	(void)slot;
	if (key->ifindex != readout->ifindex)
		return;
	readout->flows[key->direction]++;
	readout->flow_packets[key->direction] += record->packets + record->spilled.packets;
}

static void readout_ledger(void *context, unsigned int ifindex, enum direction direction,
			   const struct ledger_record *sum)
{
	struct readout *readout = context;

	if (ifindex != readout->ifindex)
		return;
	readout->ledgers++;
	readout->ledger[direction] = *sum;
}

static void readout_residual(void *context, unsigned int ifindex, enum direction direction, int64_t packets)
{
	struct readout *readout = context;

	if (ifindex != readout->ifindex)
		return;
	readout->residuals++;
	readout->residual[direction] = packets;
}

struct readout readout_of(struct monitor *monitor, unsigned int ifindex)
{
	struct readout readout = { .ifindex = ifindex };
	struct monitor_visitor visitor = {
		.context = &readout,
		.flow = readout_flow,
		.ledger = readout_ledger,
		.residual = readout_residual,
	};
	struct monitor_reading reading = { 0 };

	assert_int_equal(monitor_read(monitor, &visitor, &reading), 0);
	assert_true(reading.monotonic_ns > 0 && reading.realtime_ns > reading.monotonic_ns);
	return readout;
}

struct monitor_config config_of(enum hook_choice hook)
{
	return (struct monitor_config){
		.hook = hook,
		.direction = { true, true },
		.max_flows = 65536,
	};
}

struct monitor *monitor_of(enum hook_choice hook)
{
	struct monitor_config config = config_of(hook);
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;

	if (monitor_open(&config, &monitor, error))
		fail_msg("monitor_open: %s", error);
	return monitor;
}

struct attachment attach(struct monitor *monitor, const char *interface)
{
	char error[MONITOR_ERROR_SIZE];
	struct attachment attachment;

	if (monitor_attach(monitor, index_of(interface), interface, &attachment, error))
		fail_msg("monitor_attach: %s", error);
	return attachment;
}
