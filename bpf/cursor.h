/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cursor walks over headers: it checks that the bytes are there, gives them, and moves on. Knows no BPF helper, so that
 * the parser compiles in userspace as well.
 */
#ifndef FLOWGAUGE_CURSOR_H
#define FLOWGAUGE_CURSOR_H

#include <linux/types.h>
#include <stddef.h>

#ifdef __BPF__
#include <bpf/bpf_endian.h>
#else
#include <arpa/inet.h>
#define bpf_htons(x) htons(x)
#define bpf_ntohs(x) ntohs(x)
#define bpf_ntohl(x) ntohl(x)
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define HEADERS_REACH 4096 /* where the last header begins at most */

struct cursor {
	void *start;
	void *end;      /* of the bytes that can be read directly */
	__u32 offset;   /* of the next header */
	__u32 *ran_out; /* set to 1 when bytes are wanted that are not there; among the facts, as carry() says why */
};

/* The header at the cursor, or NULL if its bytes are not all there; the cursor moves on. */
static __always_inline void *cursor_take(struct cursor *cursor, __u32 bytes)
{
	__u32 offset = cursor->offset;
	void *header;

	if (offset > HEADERS_REACH)
		return NULL;
	/* The pointer is made from the offset that was checked, not before it was: the verifier must see its bound. */
	if (!__builtin_constant_p(offset))
		__asm__ volatile("" : "+r"(offset));
	header = cursor->start + offset;
	if (header + bytes > cursor->end) {
		*(volatile __u32 *)cursor->ran_out = 1;
		return NULL;
	}
	cursor->offset = offset + bytes;
	return header;
}

/*
 * A loop keeps what it carries from turn to turn in the facts, and reads it anew each turn: the verifier then sees each
 * turn begin alike and proves the body once, where otherwise it would follow every combination of headers.
 */
#define carry(field, value) (*(volatile __typeof__(field) *)&(field) = (value))
#define carried(field) (*(volatile __typeof__(field) *)&(field))

#endif
