/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flags: one row a flag; getopt's tables and the help are both made from it. */
#ifndef FLOWGAUGE_OPTIONS_TABLE_H
#define FLOWGAUGE_OPTIONS_TABLE_H

#include "app/options.h"

/* One pass over the command line. */
struct flags {
	struct config *config;   /* what the flags fill */
	const char *config_path; /* -c; NULL: none given */
	const char *listen;      /* --listen as given; NULL: not given */
	bool interfaces_given;
	char live[40]; /* the first flag given that is LIVE_ONLY; empty: none */
	bool help, version;
	char *error; /* CONFIG_ERROR_SIZE */
};

/* LIVE_ONLY: it says something of live interfaces, and nothing of a capture. */
enum flag_scope { ANYWHERE, LIVE_ONLY };

struct flag {
	char letter; /* 0: none */
	enum flag_scope scope;
	const char *name;
	const char *argument; /* as the help names it; NULL: takes none */
	const char *help;     /* NULL: an old name, not shown */
	const char *standard; /* default as shown; NULL: the flag asks for something once */
	/* 0, or -EINVAL with the error written. `given` is the flag as an error should name it. */
	int (*apply)(struct flags *flags, const char *given, const char *value);
};

extern const struct flag flag_table[];
extern const unsigned int flag_count;

#define FLAGS_MAX 32 /* room for getopt's copies of the table */

#endif
