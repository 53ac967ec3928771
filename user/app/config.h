/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.json and the command line, as one plain struct. The only reader of configuration; modules have small structs
 * of their own, which the daemon fills from this one.
 */
#ifndef FLOWGAUGE_CONFIG_H
#define FLOWGAUGE_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/config_push.h"
#include "app/rate_settings.h"
#include "constants.h"
#include "export/openstack.h"
#include "kernel/monitor.h"
#include "kernel/rule.h"
#include "measure/groups.h"
#include "probe/pinger.h"

#define CONFIG_ERROR_SIZE 512
#define CONFIG_PATH_SIZE 4096
#define INTERFACE_PATTERNS_MAX 64

/* Strings are empty where nothing was said. */
struct config_openstack {
	enum openstack_api api; /* default off */
	char controller[256];   /* a host whose services are at their usual ports */
	char auth_url[512], url[512];
	char username[256], user_domain[256], project[256], project_domain[256];
	char password_file[CONFIG_PATH_SIZE], password_environment[256];
	char resource_id[256], project_id[256], user_id[256], meter[256];
	char archive_policy[256], ca_file[CONFIG_PATH_SIZE];
	uint32_t queue;         /* records, 1 to 100000; default 1000 */
	double timeout_seconds; /* of one request, 1 to 300; default 10 */
};

/* Passive round-trip times. */
struct config_rtt {
	bool enabled;         /* default true */
	enum rtt_scope scope; /* default host */
	uint32_t max_flows;   /* conversations tracked at once, 1 to 16777216; default 65536 */
	uint32_t max_pairs;   /* metrics.max_pairs, 1 to 65536; default 1000 */
};

struct config {
	char path[CONFIG_PATH_SIZE]; /* the file read; empty: none, all defaults */
	/* RULES, PATTERN, OFFSET, SEQUENCE_THRESHOLD, DISPLAY */
	struct rule *rules; /* owned */
	size_t rule_count;
	struct group_config *groups; /* owned, with their rules and texts */
	size_t group_count;
	struct pinger_host *ping_hosts; /* owned, as are the names in it */
	size_t ping_host_count;
	struct program_constants constants;
	bool show_throughput, show_goodput, show_jitter, show_sequence;
	/* lower-case keys and flags */
	char interfaces[INTERFACE_PATTERNS_MAX][IF_NAMESIZE]; /* names or globs; none = all that are up, but loopback */
	size_t interface_count;
	enum hook_choice hook;
	bool direction[DIRECTIONS];
	uint32_t max_flows;          /* 1 to 16777216; default 65536 */
	uint32_t followed_flows;     /* of them with all measures; 1 to 16777216; default 16384 */
	double idle_timeout_seconds; /* 1 to 86400; default 60 */
	double interval_seconds;     /* 0.1 to 3600; default 1 */
	bool bits;
	double nominal_gap_ms;
	struct rate_settings rate;
	bool json;
	bool verbose;
	bool quiet;              /* no table, no records: for a monitor in the background */
	double duration_seconds; /* 0: none */
	struct push_settings push;
	bool http_enabled;     /* default true */
	char http_address[64]; /* default 127.0.0.1 */
	uint16_t http_port;    /* default 8080 */
	bool http_allow_unauthenticated;
	struct config_openstack openstack;
	struct config_rtt rtt;
	size_t metrics_max_flows;           /* default 1000 */
	size_t metrics_max_ping_histograms; /* default 1000 */
	bool metrics_bpf_run_time;          /* default false */
	uint16_t rate_port;                 /* control.rate_port, on 127.0.0.1; 0: none */
	uint16_t rate_tcp_port;             /* of rate_tcp_host */
	bool rate_enabled;                  /* default true */
	bool rate_only;                     /* `flowgauge rate`: nothing but the rate monitor is shown */
	bool legacy_metrics;
	char rate_file[CONFIG_PATH_SIZE]; /* empty: none */
	char rate_tcp_host[256];          /* empty: none; a name or an address, without brackets */
	char control_path[108];           /* sun_path */
	bool check_only;                  /* --check-config */
	char read_path[CONFIG_PATH_SIZE]; /* --read: a capture, "-" for standard input; empty: interfaces */
};

void config_defaults(struct config *config);
void config_free(struct config *config); /* what it owns */
/* Reads a file over what `config` holds. 0, or -errno with one line naming file, line, key, value and what would be right; then
 * `config` is unchanged. */
int config_read(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE]);
/* What a reload cannot change in place: the names of the keys that differ, comma separated; NULL if none. Static storage. */
const char *config_needs_restart(const struct config *running, const struct config *wanted);

#endif
