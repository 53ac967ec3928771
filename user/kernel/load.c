/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens and loads the programs, and turns a refusal into what the user can do about it. Only the programs that the
 * directions and the hook can need are loaded; where XDP is a preference, a kernel that does not load it goes without.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "kernel/monitor_internal.h"

#define UNWANTED_MAX 65536 /* flows that no rule wants, remembered; the others are judged again */
#define VERIFIER_LOG_SIZE 65536
#define VERIFIER_LINES 12 /* of the end of the verifier's log that are shown */

/* libbpf's own lines are for those who look for them. */
static int libbpf_line(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[1024];
	int length = vsnprintf(line, sizeof(line), format, arguments);

	if (level != LIBBPF_DEBUG && length > 0) {
		line[strcspn(line, "\n")] = '\0';
		log_debug("%s", line);
	}
	return length;
}

static void verifier_show(char *log)
{
	size_t length = strlen(log);
	char *start = log + length, *line, *rest;

	for (int lines = 0; start > log; start--)
		if (start[-1] == '\n' && lines++ == VERIFIER_LINES)
			break;
	for (line = strtok_r(start, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_debug("verifier: %s", line);
}

static bool wants_xdp(const struct monitor_config *config)
{
	return config->direction[DIRECTION_INGRESS] &&
	       (config->hook == HOOK_AUTO || config->hook == HOOK_XDP || config->hook == HOOK_XDP_GENERIC);
}

static bool wants_tc(const struct monitor_config *config, enum direction direction)
{
	if (direction == DIRECTION_INGRESS && (config->hook == HOOK_XDP || config->hook == HOOK_XDP_GENERIC))
		return false;
	return config->direction[direction];
}

static int skeleton_size(struct flowgauge_bpf *skeleton, const struct monitor_config *config)
{
	int err;

	skeleton->rodata->constants = config->constants;
	err = slots_prepare(skeleton, config->max_flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.unwanted,
					       config->max_flows < UNWANTED_MAX ? config->max_flows : UNWANTED_MAX);
	if (!err)
		err = rtt_prepare(skeleton, &config->rtt);
	return err;
}

static int skeleton_choose(struct flowgauge_bpf *skeleton, const struct monitor_config *config, bool xdp)
{
	const struct {
		struct bpf_program *program;
		bool wanted;
	} choices[] = {
		{ skeleton->progs.flowgauge_xdp, xdp },
		{ skeleton->progs.flowgauge_in, wants_tc(config, DIRECTION_INGRESS) },
		{ skeleton->progs.flowgauge_l3in, wants_tc(config, DIRECTION_INGRESS) },
		{ skeleton->progs.flowgauge_out, wants_tc(config, DIRECTION_EGRESS) },
		{ skeleton->progs.flowgauge_l3out, wants_tc(config, DIRECTION_EGRESS) },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices) && !err; i++)
		err = bpf_program__set_autoload(choices[i].program, choices[i].wanted);
	return err;
}

/* One try. `log` is empty unless the verifier had something to say. */
static int skeleton_load(struct monitor *monitor, bool xdp, char *log)
{
	struct bpf_object_open_opts options;
	struct flowgauge_bpf *skeleton;
	int err;

	log[0] = '\0';
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.kernel_log_buf = log;
	options.kernel_log_size = VERIFIER_LOG_SIZE;
	skeleton = flowgauge_bpf__open_opts(&options);
	if (!skeleton)
		return -errno;
	err = skeleton_size(skeleton, &monitor->config);
	if (!err && monitor->bins)
		err = bins_prepare(monitor->bins, skeleton);
	if (!err)
		err = skeleton_choose(skeleton, &monitor->config, xdp);
	if (!err)
		err = flowgauge_bpf__load(skeleton);
	if (!err)
		err = slots_open(skeleton, &monitor->table);
	if (!err)
		err = rtt_open(skeleton, &monitor->config.rtt, &monitor->rtt);
	if (err) {
		monitor->table = slots_close(monitor->table);
		flowgauge_bpf__destroy(skeleton);
		return err;
	}
	if (monitor->bins)
		bins_open(monitor->bins, skeleton);
	monitor->skeleton = skeleton;
	return 0;
}

/* Whether the programs should load here: then it is not the kernel's age that the verifier minds. */
static bool kernel_suffices(const struct utsname *kernel, bool xdp)
{
	char *rest;
	unsigned long major = strtoul(kernel->release, &rest, 10);
	unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;

	return major > 5 || (major == 5 && minor >= (xdp ? 18 : 15));
}

static void refusal_explain(const struct monitor_config *config, int err, bool verifier, char error[MONITOR_ERROR_SIZE])
{
	const char *missing = monitor_missing_capabilities();
	bool xdp = config->hook == HOOK_XDP || config->hook == HOOK_XDP_GENERIC;
	struct utsname kernel;

	if (uname(&kernel))
		snprintf(kernel.release, sizeof(kernel.release), "of unknown version");
	if (missing)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "not permitted to load BPF programs: %s missing: run as root, or grant them", missing);
	else if (err == -EPERM)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "not permitted to load BPF programs: the kernel is locked down, or this is a user namespace: "
			 "run as root of the machine");
	else if (err == -ENOSYS)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "the kernel (Linux %s) has no BPF: one with CONFIG_BPF_SYSCALL is needed", kernel.release);
	else if (!verifier && (err == -ENOMEM || err == -E2BIG))
		snprintf(error, MONITOR_ERROR_SIZE,
			 "no memory for a table of %u flows, which takes %.1f MiB in the kernel: use a smaller --max-flows",
			 config->max_flows, (double)slots_bytes(config->max_flows) / (1 << 20));
	else if (kernel_suffices(&kernel, xdp))
		snprintf(error, MONITOR_ERROR_SIZE,
			 "the kernel (Linux %s) refuses the BPF programs: %s: it should not: please report it; fewer of "
			 "decapsulate, PATTERN and OFFSET ask less of it",
			 kernel.release, strerror(-err));
	else
		snprintf(error, MONITOR_ERROR_SIZE,
			 "the kernel (Linux %s) refuses the BPF programs: %s: Linux 5.15 or later is needed%s",
			 kernel.release, strerror(-err), xdp ? ", and 5.18 for XDP: use --hook tc" : "");
}

int monitor_load(struct monitor *monitor, char error[MONITOR_ERROR_SIZE])
{
	bool xdp = wants_xdp(&monitor->config);
	char *log = malloc(VERIFIER_LOG_SIZE);
	int err;

	if (!log) {
		snprintf(error, MONITOR_ERROR_SIZE, "no memory to load the BPF programs");
		return -ENOMEM;
	}
	libbpf_set_print(libbpf_line);
	err = skeleton_load(monitor, xdp, log);
	if (err && xdp && monitor->config.hook == HOOK_AUTO && !monitor_missing_capabilities()) {
		verifier_show(log);
		err = skeleton_load(monitor, false, log);
		if (!err)
			monitor->xdp_missing = "the kernel does not load the XDP program (Linux 5.18 does)";
	}
	if (err) {
		bool verifier = log[0] != '\0';

		verifier_show(log);
		refusal_explain(&monitor->config, err, verifier, error);
	}
	free(log);
	return err;
}
