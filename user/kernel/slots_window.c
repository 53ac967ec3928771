/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots and details are mapped a window at a time, because what is mapped counts as this process's memory. A small table
 * stays mapped as a whole.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/slots_internal.h"

size_t whole_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

void *map_whole(int fd, size_t bytes)
{
	void *start = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return start == MAP_FAILED ? NULL : start;
}

static void window_close(struct window *window)
{
	if (window->count)
		munmap(window->start, whole_pages(window->count * window->item));
	window->count = 0;
}

static int window_move(struct window *window, uint32_t first, uint32_t count)
{
	void *start;

	if (window->count && window->first == first && window->count == count)
		return 0;
	window_close(window);
	start = mmap(NULL, whole_pages(count * window->item), PROT_READ | PROT_WRITE, MAP_SHARED, window->fd,
		     (off_t)first * (off_t)window->item);
	if (start == MAP_FAILED)
		return -errno;
	window->start = start;
	window->first = first;
	window->count = count;
	return 0;
}

/* The part that the slot lies in, of parts of `size` slots. */
static int windows_move(struct slots *table, uint32_t slot, uint32_t size)
{
	uint32_t first = slot / size * size;
	uint32_t count = table->flows - first < size ? table->flows - first : size;
	int err = window_move(&table->hot, first, count);

	return err ? err : window_move(&table->details, first, count);
}

static bool is_within(const struct window *window, uint32_t slot)
{
	return slot >= window->first && slot - window->first < window->count;
}

int window_over(struct slots *table, uint32_t slot)
{
	return windows_move(table, slot, table->kept ? KEPT_SLOTS : WINDOW_SLOTS);
}

int window_to(struct slots *table, uint32_t slot)
{
	if (is_within(&table->hot, slot) && is_within(&table->details, slot))
		return 0;
	return windows_move(table, slot, table->kept ? KEPT_SLOTS : PANE_SLOTS);
}

void windows_rest(struct slots *table)
{
	if (!table->kept)
		windows_close(table);
}

void windows_close(struct slots *table)
{
	window_close(&table->hot);
	window_close(&table->details);
}
