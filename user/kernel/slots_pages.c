/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots and details are mapped page by page, because what is mapped counts as this process's memory. Each array has a range of
 * addresses as long as itself, reserved without memory; its pages come and go at their places in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/slots_internal.h"

static unsigned int page_shift;

static size_t page_bytes(void)
{
	if (!page_shift)
		page_shift = (unsigned int)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	return (size_t)1 << page_shift;
}

size_t whole_pages(size_t bytes)
{
	size_t page = page_bytes();

	return (bytes + page - 1) / page * page;
}

void *map_whole(int fd, size_t bytes)
{
	void *start = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return start == MAP_FAILED ? NULL : start;
}

static void *reserve(void *at, size_t bytes, int flags)
{
	/* cppcheck-suppress invalidFunctionArg ; without a file it is -1 */
	return mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

int pages_open(struct pages *pages, int fd, size_t item, uint32_t items)
{
	void *start;

	pages->fd = fd;
	pages->item = item;
	pages->count = whole_pages(items * item) / page_bytes();
	pages->held = calloc(pages->count / 64 + 1, sizeof(*pages->held));
	if (!pages->held)
		return -ENOMEM;
	start = reserve(NULL, pages->count * page_bytes(), 0);
	if (start == MAP_FAILED)
		return -errno;
	pages->start = start;
	return 0;
}

void pages_close(struct pages *pages)
{
	if (pages->start && !pages->broken)
		munmap(pages->start, pages->count * page_bytes());
	pages->start = NULL;
	free(pages->held);
	pages->held = NULL;
}

static bool is_held(const struct pages *pages, size_t page)
{
	return pages->held[page / 64] >> page % 64 & 1;
}

static void mark(struct pages *pages, size_t page, size_t end, bool held)
{
	for (; page < end; page++) {
		uint64_t bit = 1ULL << page % 64;

		pages->count_held += held - (size_t)is_held(pages, page);
		pages->held[page / 64] = held ? pages->held[page / 64] | bit : pages->held[page / 64] & ~bit;
	}
}

/* The pages that the items lie in. */
static size_t first_page(const struct pages *pages, uint32_t first)
{
	return first * pages->item >> page_shift;
}

static size_t end_page(const struct pages *pages, uint32_t first, uint32_t count)
{
	return (((size_t)first + count) * pages->item + page_bytes() - 1) >> page_shift;
}

bool pages_are_held(const struct pages *pages, uint32_t first, uint32_t count)
{
	size_t end = end_page(pages, first, count);

	for (size_t page = first_page(pages, first); page < end; page++)
		if (!is_held(pages, page))
			return false;
	return true;
}

/* One that fails may leave a hole in the range, where memory of others may come to lie: then nothing more is mapped here, and
 * flows are read by system calls. */
static int map_run(struct pages *pages, size_t page, size_t end)
{
	size_t bytes = (end - page) * page_bytes();
	void *at = pages->start + page * page_bytes(), *mapped;
	int err;

	mapped = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pages->fd,
		      (off_t)(page * page_bytes()));
	if (mapped != MAP_FAILED) {
		mark(pages, page, end, true);
		return 0;
	}
	err = -errno;
	mapped = reserve(at, bytes, MAP_FIXED_NOREPLACE);
	pages->broken = mapped != at;
	return err;
}

int pages_hold(struct pages *pages, uint32_t first, uint32_t count)
{
	size_t page = first_page(pages, first), end = end_page(pages, first, count), run;

	for (; page < end; page = run) {
		bool held = is_held(pages, page);
		int err;

		for (run = page + 1; run < end && is_held(pages, run) == held; run++)
			;
		err = held ? 0 : pages->broken ? -ENOMEM : map_run(pages, page, run);
		if (err)
			return err;
	}
	return 0;
}

void pages_let_go(struct pages *pages, uint32_t first, uint32_t count)
{
	size_t page = first_page(pages, first), end = end_page(pages, first, count);
	void *at = pages->start + page * page_bytes(), *reserved;

	if (!count || pages->broken)
		return;
	reserved = reserve(at, (end - page) * page_bytes(), MAP_FIXED);
	mark(pages, page, end, false);
	pages->broken = reserved != at;
}
