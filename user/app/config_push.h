/* SPDX-License-Identifier: BSD-2-Clause */
/* `pushgateway` of config.json. Plain bytes without padding, all set: two of them are compared as such. */
#ifndef FLOWGAUGE_CONFIG_PUSH_H
#define FLOWGAUGE_CONFIG_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#define PUSH_TEXT_SIZE 256
#define PUSH_URL_SIZE 1024
#define PUSH_PATH_SIZE 1024
#define PUSH_NAME_SIZE 64
#define PUSH_GROUPING_MAX 16
#define PUSH_INTERVAL_LOW 1 /* seconds */
#define PUSH_INTERVAL_HIGH 86400

struct push_grouping {
	char name[PUSH_NAME_SIZE];
	char value[PUSH_TEXT_SIZE];
};

struct push_settings {
	uint64_t interval_ns; /* default 10 s */
	uint32_t what;        /* enum push_what; default all */
	uint32_t grouping_count;
	bool post;           /* default false: PUT */
	bool gzip;           /* default true */
	bool delete_on_exit; /* default true */
	bool instance_given; /* else the host's name */
	uint8_t reserved[4];
	char url[PUSH_URL_SIZE];  /* empty: nothing is pushed */
	char job[PUSH_TEXT_SIZE]; /* default "flowgauge" */
	char instance[PUSH_TEXT_SIZE];
	struct push_grouping grouping[PUSH_GROUPING_MAX];
	char username[PUSH_TEXT_SIZE]; /* the rest: empty: none */
	char password_file[PUSH_PATH_SIZE];
	char ca[PUSH_PATH_SIZE];
	char cert[PUSH_PATH_SIZE];
	char key[PUSH_PATH_SIZE];
	char server_name[PUSH_TEXT_SIZE];
};

#endif
