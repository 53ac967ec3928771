/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations as files: each test works in a directory of its own, so that the file is called config.json in the
 * errors.
 */
#ifndef FLOWGAUGE_TEST_CONFIG_FILES_H
#define FLOWGAUGE_TEST_CONFIG_FILES_H

#include <stddef.h>

#include "app/config.h"

#define CONFIG_FILES_NAME "config.json"

/* A test in a directory of its own, in which at most config.json is left. */
#define CONFIG_FILES_TEST(test) cmocka_unit_test_setup_teardown(test, config_files_make_place, config_files_leave)

struct config_files_place {
	char directory[32];
	char before[4096];
};

/* Makes a directory and goes there: *state is its place. The second goes back and removes it; it has to be empty. */
int config_files_make_place(void **state);
int config_files_remove_place(void **state);

/* The same as the second, after config.json is removed. */
int config_files_leave(void **state);

/* The bytes are config.json's, the text is that of any file. */
void config_files_write(const void *bytes, size_t length);
void config_files_write_text(const char *path, const char *text);

/* Reads `text` over the defaults. The caller frees. */
int config_files_read(struct config *config, const char *text, char error[CONFIG_ERROR_SIZE]);
void config_files_must_read(struct config *config, const char *text);

/* The whole error is "config.json: " and the expected one, and nothing is changed. */
void config_files_refuses(const char *text, const char *expected);

#endif
