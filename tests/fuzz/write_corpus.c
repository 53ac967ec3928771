/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the frames of captures as inputs of fuzz_parse: write_corpus INTO [DIRECTORY OF CAPTURES]... */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "captures.h"

struct corpus {
	const char *into;
	unsigned int count;
};

static void write_one(const struct corpus *corpus, const struct frame *frame)
{
	uint8_t bytes[sizeof(*frame)];
	size_t length = frame_write(frame, bytes);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/frame-%u-%x", corpus->into, corpus->count, frame->header.flags);
	file = fopen(path, "wbe");
	if (!file || fwrite(bytes, 1, length, file) != length)
		perror(path);
	if (file)
		fclose(file);
}

/* As a replay gives it, as tc would, and both with tunnels looked into. */
static void write_frame(void *context, const struct frame *frame)
{
	struct corpus *corpus = context;
	struct frame copy = *frame;

	corpus->count++;
	write_one(corpus, &copy);
	copy.header.flags |= FRAME_TUNNELS;
	write_one(corpus, &copy);
	copy.header.flags &= (uint8_t)~FRAME_CAPTURED;
	copy.header.linear = (uint16_t)(copy.length / 2);
	write_one(corpus, &copy);
}

int main(int count, char **words)
{
	struct corpus corpus = { .into = count > 1 ? words[1] : "." };

	for (int i = 2; i < count; i++) {
		int captures = captures_visit(words[i], write_frame, &corpus);

		if (captures < 0)
			printf("no captures in %s: %s\n", words[i], strerror(-captures));
	}
	printf("%u frames of captures\n", corpus.count);
	return 0;
}
