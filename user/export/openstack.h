/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of the rate monitor to OpenStack: to today's Gnocchi with a token of Keystone v3, or as the retired Ceilometer v2
 * took them, with a token of Keystone v2.0. Everything happens on the event loop and nothing waits: a record is put into a
 * bounded queue, and leaves it when the server has taken it. What finds no room is counted, oldest first.
 */
#ifndef FLOWGAUGE_OPENSTACK_H
#define FLOWGAUGE_OPENSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "measure/report.h"

#define OPENSTACK_ERROR_SIZE 512
#define OPENSTACK_VALUES_MAX 64 /* of a record; more are left out */
#define OPENSTACK_PASSWORD_SIZE 4096

enum openstack_api { OPENSTACK_OFF, OPENSTACK_CEILOMETER_V2, OPENSTACK_GNOCCHI };

/* Strings are copied; NULL is as empty. */
struct openstack_config {
	enum openstack_api api;                         /* not OPENSTACK_OFF */
	const char *auth_url;                           /* of Keystone, with or without /v3 or /v2.0 */
	const char *url;                                /* of Gnocchi or Ceilometer, without /v1 or /v2 */
	const char *username, *user_domain;             /* names; Ceilometer's Keystone knows no domains */
	const char *project, *project_domain;           /* project: v2.0's tenant */
	const char *password_file;                      /* its first line; read anew for each token */
	const char *password_environment;               /* name of a variable; used if there is no file */
	const char *resource_id;                        /* Gnocchi: the interface's name is appended after a colon */
	const char *project_id, *user_id, *meter_name;  /* of Ceilometer's samples; user_id: the username if empty */
	const char *archive_policy;                     /* of metrics created in Gnocchi; empty: by its own rules */
	const char *ca_file;                            /* PEM; empty: the system's */
	size_t queue_limit;                             /* records, 1 to 100000 */
	double timeout_seconds;                         /* of one request */
	double retry_first_seconds, retry_most_seconds; /* the wait doubles from one to the other */
};

/* `name` and `unit` are static. NaN: unknown, which Gnocchi is not told and Ceilometer as null. Units: "B/s" and the like. */
struct openstack_value {
	const char *name, *unit;
	double value;
	bool truth; /* it is true or false: 1 or 0 */
};

/* One record: an interface at a time, both directions in the values' names. */
struct openstack_sample {
	const char *interface;
	uint64_t time_ns; /* since the epoch */
	const struct openstack_value *values;
	size_t value_count;
	double volume; /* bytes/s, for Ceilometer's counter_volume: the origin has a number without meaning there */
};

struct openstack;

/* 0, or -errno with one line in `error`. Nothing is sent before the first record. */
int openstack_open(struct loop *loop, const struct openstack_config *config, struct openstack **out,
		   char error[OPENSTACK_ERROR_SIZE]);
void openstack_offer(struct openstack *openstack, const struct openstack_sample *sample);
/* {"initialized": time} and {"exited": time}, for Ceilometer; Gnocchi takes numbers only. `word` is static. */
void openstack_offer_life(struct openstack *openstack, const char *word, uint64_t time_ns);
/* To be called when the loop no longer runs: what waits is sent for at most `seconds`, and lost otherwise. Returns NULL. */
struct openstack *openstack_close(struct openstack *openstack, double seconds);
struct openstack_report openstack_report(const struct openstack *openstack); /* NULL: off */

#endif
