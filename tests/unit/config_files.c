/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of a test, and the files written there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_files.h"

int config_files_make_place(void **state)
{
	struct config_files_place *place = test_calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/config_test.XXXXXX");
	assert_non_null(getcwd(place->before, sizeof(place->before)));
	assert_non_null(mkdtemp(place->directory));
	assert_int_equal(chdir(place->directory), 0);
	*state = place;
	return 0;
}

int config_files_remove_place(void **state)
{
	struct config_files_place *place = *state;

	assert_int_equal(chdir(place->before), 0);
	assert_int_equal(rmdir(place->directory), 0);
	test_free(place);
	return 0;
}

int config_files_leave(void **state)
{
	unlink(CONFIG_FILES_NAME);
	return config_files_remove_place(state);
}

static void write_all(const char *path, const void *bytes, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

void config_files_write(const void *bytes, size_t length)
{
	write_all(CONFIG_FILES_NAME, bytes, length);
}

void config_files_write_text(const char *path, const char *text)
{
	write_all(path, text, strlen(text));
}

int config_files_read(struct config *config, const char *text, char error[CONFIG_ERROR_SIZE])
{
	error[0] = '\0';
	config_files_write(text, strlen(text));
	config_defaults(config);
	return config_read(config, CONFIG_FILES_NAME, error);
}

void config_files_must_read(struct config *config, const char *text)
{
	char error[CONFIG_ERROR_SIZE];

	if (config_files_read(config, text, error))
		fail_msg("%s\n%s", text, error);
}

void config_files_refuses(const char *text, const char *expected)
{
	char error[CONFIG_ERROR_SIZE], whole[CONFIG_ERROR_SIZE + 16];
	struct config config, before;

	config_files_write(text, strlen(text));
	memset(&before, 0, sizeof(before));
	config_defaults(&before);
	memcpy(&config, &before, sizeof(config));
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	snprintf(whole, sizeof(whole), "config.json: %s", expected);
	assert_string_equal(error, whole);
	assert_memory_equal(&config, &before, sizeof(config));
}
