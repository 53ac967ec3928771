/* SPDX-License-Identifier: BSD-2-Clause */
/* One reading of a configuration file: shared by the files that read it, and by nobody else. */
#ifndef FLOWGAUGE_CONFIG_READING_H
#define FLOWGAUGE_CONFIG_READING_H

#include "app/config.h"
#include "app/config_lines.h"

struct config_reading {
	const char *path;
	struct config_lines lines;
	const cJSON *root;
	struct config *config; /* the copy that is filled */
	bool rules_read;       /* config->rules are this reading's own */
	bool groups_read;      /* likewise */
	bool ping_read;        /* config->ping_hosts are */
	/* Only together do these two say where the sequence number is. */
	int64_t offset; /* -1: off */
	uint8_t pattern[PATTERN_MAX_LENGTH];
	unsigned int pattern_length; /* 0: off */
	const cJSON *pattern_node;   /* NULL: not in the file */
	const cJSON *listen_node;    /* likewise */
	const cJSON *openstack_node; /* the last of its keys; NULL: none in the file */
	bool openstack_api_read;
	const cJSON *push_node; /* the first of its keys; NULL: none */
	char *error;            /* CONFIG_ERROR_SIZE */
};

/* Writes "file: " and as much of the message as fits. Returns -EINVAL. */
int config_refuse(const struct config_reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "file: line 12: key: " and the message. */
int config_refuse_at(const struct config_reading *reading, const cJSON *node, const char *key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "file: line 12: key: value is not <right>", the value as it stands in the text. */
int config_refuse_value(const struct config_reading *reading, const cJSON *node, const char *key, const char *right);

#define PING_HOSTS_MAX 65536
#define QUOTE_SIZE 100
/* The value as it stands in the text: white space as one space, a long one cut short. */
void config_quote(const struct config_reading *reading, const cJSON *node, char out[QUOTE_SIZE]);

/* Fills reading->config from the whole tree. 0, or -errno with the error written. */
int config_read_keys(struct config_reading *reading);
/* -EINVAL if the object holds a name twice before `member`. */
int config_refuse_twice(const struct config_reading *reading, const cJSON *object, const cJSON *member,
			const char *key);

/* Readers of the four keys of rules and sequence numbers, and what is made of them once all are read. */
int config_read_rules(struct config_reading *reading, const char *key, const cJSON *node);
int config_read_pattern(struct config_reading *reading, const char *key, const cJSON *node);
int config_read_offset(struct config_reading *reading, const char *key, const cJSON *node);
int config_finish_sequence(struct config_reading *reading);
int config_read_groups(struct config_reading *reading, const char *key, const cJSON *node);
void config_free_groups(struct config *config);
int config_read_tunnels(struct config_reading *reading, const char *key, const cJSON *node);
/* Readers of "rate" and of control.rate_port; `key` is the whole name, "rate.cutoff". */
int config_read_rate_setting(struct config_reading *reading, const char *key, const cJSON *node);
int config_read_rate_file(struct config_reading *reading, const char *key, const cJSON *node);
int config_read_rate_tcp(struct config_reading *reading, const char *key, const cJSON *node);
int config_read_rate_port(struct config_reading *reading, const char *key, const cJSON *node);
int config_finish_rate(struct config_reading *reading);
void config_default_tunnels(struct tunnels *tunnels); /* none, at the usual ports */
int config_read_openstack(struct config_reading *reading, const char *key, const cJSON *node);
int config_finish_openstack(struct config_reading *reading);
void config_default_openstack(struct config_openstack *openstack);
bool config_same_openstack(const struct config *left, const struct config *right);
/* Any key of `pushgateway`, and what must hold once all are read. */
int config_read_push(struct config_reading *reading, const char *key, const cJSON *node);
int config_finish_push(const struct config_reading *reading);
void config_default_push(struct push_settings *push);
int config_read_ping(struct config_reading *reading, const char *key, const cJSON *node);
void config_free_ping(struct config *config);
/* What `config` holds of them before the file is read. */
void config_begin_sequence(struct config_reading *reading);

#endif
