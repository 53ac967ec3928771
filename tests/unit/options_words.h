/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines as text, loaded in a directory of the test's own. */
#ifndef FLOWGAUGE_TEST_OPTIONS_WORDS_H
#define FLOWGAUGE_TEST_OPTIONS_WORDS_H

#include "app/options.h"

/* A test in a directory of its own, in which e.json is an empty configuration. */
#define OPTIONS_WORDS_TEST(test) cmocka_unit_test_setup_teardown(test, options_words_enter, options_words_leave)

int options_words_enter(void **state);
int options_words_leave(void **state);

/* The words of `line`, separated by single spaces; "''" is the empty word. The words are checked to be left alone. */
enum options_result options_words_load(const char *line, struct config *config, char error[CONFIG_ERROR_SIZE]);
void options_words_must_load(const char *line, struct config *config);

/* Field by field: the bytes between the fields may hold anything. */
void options_words_must_be_default(const struct config *config);

#endif
