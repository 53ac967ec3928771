/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcurl's transfers on the event loop: many at once, none of which ever waits. What is asked of whom, with which
 * headers, and how often again, is its users' business.
 */
#ifndef FLOWGAUGE_CURL_LOOP_H
#define FLOWGAUGE_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/loop.h"

struct curl_loop;

/* One transfer; embedded in the object it serves. */
struct curl_job {
	/* The caller's, set up by the caller all but CURLOPT_PRIVATE; may serve again and again. */
	CURL *easy;
	/*
	 * Called once, from the loop, when the transfer has ended; it is out of the loop by then, and may be started again
	 * right here. Jobs may be cancelled here, but the curl_loop must not be freed.
	 */
	void (*done)(struct curl_job *job, CURLcode result);
	struct curl_loop *in; /* set while it runs, else NULL */
};

int curl_loop_new(struct loop *loop, struct curl_loop **out); /* 0 or -errno */
/* Cancels what still runs. Returns NULL. To be called before the loop is freed. */
struct curl_loop *curl_loop_free(struct curl_loop *curl_loop);

/* 0, or -errno, and then `done` is not called. */
int curl_loop_start(struct curl_loop *curl_loop, struct curl_job *job);
void curl_loop_cancel(struct curl_job *job); /* `done` is not called; no-op if it does not run */

/*
 * For the end, when the event loop no longer runs: goes on with what runs, and with what is started meanwhile, until all
 * is done or `seconds` have passed. Blocks so long; true if all is done.
 */
bool curl_loop_finish(struct curl_loop *curl_loop, double seconds);

#endif
