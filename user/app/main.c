/* SPDX-License-Identifier: BSD-2-Clause */
/* flowgauge: reads its words and its configuration, then runs. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"
#include "app/daemon.h"
#include "app/options.h"
#include "app/read.h"
#include "base/log.h"
#include "control_protocol.h"

#define LARGE_BYTES (256 * 1024)

/*
 * Started without a standard stream, the first descriptors opened would take its number, and lines for people would go
 * into a map or a socket.
 */
static void streams_open(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDWR);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct options options = { .argc = argc, .argv = argv };
	struct config *config = calloc(1, sizeof(*config));
	char error[CONFIG_ERROR_SIZE] = "";
	int status = EXIT_DONE;

	streams_open();
	/* What is large is given back to the system when it is freed; by itself the C library would soon keep it. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	if (!config) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	switch (options_load(&options, config, error)) {
	case OPTIONS_WRONG:
		log_error("%s", error);
		status = EXIT_WRONG_WORDS;
		break;
	case OPTIONS_DONE:
		break;
	case OPTIONS_RUN:
		if (config->verbose)
			log_set_level(LOG_LEVEL_DEBUG);
		if (config->check_only)
			printf("%s: good\n", *config->path ? config->path : "no configuration file: the defaults are");
		else if (*config->read_path)
			status = read_run(config);
		else
			status = daemon_run(&options, config);
		break;
	}
	config_free(config);
	free(config);
	return status;
}
