/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table of docs/flow-table.md, as small as it can be and still go wrong: two CPUs that count packets, and the
 * monitor, which reads, drains and frees. Every load, store and compare-and-swap of memory that is shared is a step of
 * its own, so that all orders in which they can fall are tried; what is between two steps is local. Memory is taken to be
 * in order: what an order rests on is in the document, and FAULT_key_before_word is what a load out of order does.
 *
 * The size is given by -D: PACKETS_0 and PACKETS_1 of the CPUs (and PACKETS_2, if there is a third), SLOTS, the flows that
 * a CPU's packet may belong to (FLOWS_0, FLOWS_1, sets of bits), ROUNDS of the monitor, and READS or DRAINS, what it does
 * in a round. -DFAULT_x breaks one step, to show that the properties can fail; tests/model/check.py has the list.
 *
 * A version never turns over here. Flows 0 and 1 share a pair of lines, flow 2 has the other pair, so that slots
 * are also taken by two CPUs that hold different locks.
 */
#ifndef SLOTS
#define PACKETS_0 1
#define PACKETS_1 2
#define SLOTS 2
#define FLOWS_0 3
#define FLOWS_1 3
#define ROUNDS 1
#define READS
#define DRAINS
#endif

#define FLOWS 3
#ifdef PACKETS_2
#define CPUS 3
#else
#define CPUS 2
#endif
#define SPILL_CELLS 1 /* so that it is soon full */
#define LOCK_TRIES 2
#define PAIR_TRIES 2
#define POP_TRIES 2
#define READ_TRIES 2
#define ROUNDS_OF_A_PACKET 2 /* how often a packet looks for its flow before it is overflow */

/* The slot's word. */
#define LOCKED 1
#define LIVE 2
#define VERSION 4
#define UNLOCKED_WORD(w) (((w) + VERSION) & ~LOCKED)
#define DEAD_WORD(w) (((w) + VERSION) & ~LIVE)
#ifdef FAULT_born_unlocked
#define BORN_WORD(w) (((w) + VERSION) | LIVE)
#else
/* Locked, or it might be drained before its entry is there, which would then stay for ever. */
#define BORN_WORD(w) (((w) + VERSION) | LIVE | LOCKED)
#endif

/* free_head: a version, which each pop raises, over slot + 1. */
#define HEAD_VERSION 4
#define HEAD_SLOT(h) ((h) & 3)
#ifdef FAULT_head_without_version
#define HEAD_AFTER(h) 0
#else
#define HEAD_AFTER(h) (((h) & ~3) + HEAD_VERSION)
#endif

/* A key is of two words, which are written and compared one by one. Any two flows have one in common, or none. */
#define KEY_HIGH(flow) (1 + (flow) / 2)
#define KEY_LOW(flow) (1 + (flow) % 2)
#define FLOW_OF(high, low) (2 * ((high) - 1) + (low) - 1)
#define PAIR(flow) ((flow) / 2)
#define LINE(flow, i) (2 * PAIR(flow) + (((flow) + (i)) & 1)) /* a line of one entry; the flow's own line first */
#define WEIGHT(flow) ((flow) + 1)                             /* bytes of a packet: they tell the flow */

/* What is shared. A free slot's link lies in the key: where a program that comes late looks. */
short word[SLOTS];
byte high[SLOTS], low[SLOTS], packets[SLOTS], bytes[SLOTS];
bit bitmap[SLOTS];
bit tag[4]; /* every flow has the same: keys must be compared. 0 is a free entry */
byte entry[4];
bit pair_lock[2];
short free_head;
byte spill_owner[SPILL_CELLS], spill_packets[SPILL_CELLS];
bit spill_side;
#define SPILL_FLOW(cell) (spill_owner[cell] / 2 - 1)
#define OWNER(flow, side) (2 * ((flow) + 1) + (side))

/* What the properties need to know, and no program reads. */
byte started[FLOWS], finished[FLOWS], overflow[FLOWS], retired[FLOWS];
byte running[CPUS]; /* which packet the CPU is at, counted down; 0 between packets */
bit on_stack[SLOTS];
byte done;
bit ended;

hidden byte n, m;

/* Entries that lead to a live slot with the flow's key. */
inline count_live(flow)
{
	n = 0;
	m = 0;
	do
	:: m < 4 ->
		if
		:: tag[m] && (word[entry[m] - 1] & LIVE) && high[entry[m] - 1] == KEY_HIGH(flow) &&
			low[entry[m] - 1] == KEY_LOW(flow) -> n++
		:: else
		fi;
		m++
	:: else -> break
	od
}

inline find_spill(owner)
{
	cell = 0;
	do
	:: cell < SPILL_CELLS && spill_owner[cell] != owner -> cell++
	:: else -> break
	od
}

/* A program, at each of its packets. `held`: it has the pair's lock. */
proctype cpu(byte me; byte left; byte flows)
{
	byte flow, i, slot, tries, rounds, room, count, cell;
	short w, head;
	bit held, side;

packet:
	atomic {
		if
		:: left == 0 -> done++; goto stop
		:: left && (flows & 1) -> flow = 0
		:: left && (flows & 2) -> flow = 1
		:: left && (flows & 4) -> flow = 2
		fi;
		running[me] = left;
		left--;
		started[flow]++
	}

look:
	atomic { i = 0; room = 0 };
next_entry:
	atomic {
		if
		:: i == 2 && !held -> goto take_pair
		:: i == 2 && held -> goto claim
		:: else
		fi;
		if
		:: tag[LINE(flow, i)] == 0 -> room = LINE(flow, i) + 1; i++; goto next_entry
		:: else
		fi;
#ifdef FAULT_no_second_look
		if
		:: held -> i++; goto next_entry
		:: else
		fi
#endif
	};
	atomic { slot = entry[LINE(flow, i)] - 1 };
#ifndef FAULT_key_before_word
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> i++; goto next_entry
		:: else
		fi
	};
#endif
	atomic {
		if
		:: high[slot] != KEY_HIGH(flow) -> i++; goto next_entry
		:: else
		fi
	};
	atomic {
		if
		:: low[slot] != KEY_LOW(flow) -> i++; goto next_entry
		:: else
		fi
	};
#ifdef FAULT_key_before_word
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> i++; goto next_entry
		:: else
		fi
	};
#endif
	if
	:: held -> goto leave_pair
	:: else -> goto lock
	fi;

take_pair:
	atomic {
#ifdef FAULT_no_pair_lock
		held = 1;
		goto look;
#endif
		if
		:: pair_lock[PAIR(flow)] == 0 -> pair_lock[PAIR(flow)] = 1; held = 1; tries = 0; goto look
		:: else -> tries++
		fi;
		if
		:: tries == PAIR_TRIES -> tries = 0; i = 0; room = 0; goto spill
		:: else -> goto take_pair
		fi
	};

claim: /* the pair's lock is held, and no live slot has the key */
	atomic {
		if
		:: room == 0 -> goto no_room
		:: else -> i = 0
		fi
	};
pop:
	atomic {
		head = free_head;
		if
		:: HEAD_SLOT(head) == 0 -> goto no_room
		:: else -> slot = HEAD_SLOT(head) - 1
		fi
	};
	atomic { count = high[slot] }; /* the link, if the slot is still free */
	atomic {
		if
		:: free_head == head ->
			assert(on_stack[slot]);
			assert(!(word[slot] & LIVE));
			on_stack[slot] = 0;
			free_head = HEAD_AFTER(head) + count;
			count = 0;
			tries = 0;
			head = 0;
			goto fill
		:: else -> tries++
		fi;
		count = 0;
		if
		:: tries == POP_TRIES -> goto no_room
		:: else -> goto pop
		fi
	};

fill:
	atomic { w = BORN_WORD(word[slot]) };
#ifdef FAULT_live_before_fill
	atomic { w = w & ~LOCKED; word[slot] = w };
	atomic { entry[room - 1] = slot + 1; tag[room - 1] = 1 };
#endif
	atomic { high[slot] = KEY_HIGH(flow) };
	atomic { low[slot] = KEY_LOW(flow) };
	atomic { packets[slot] = 0 };
	atomic { bytes[slot] = 0 };
#ifndef FAULT_live_before_fill
	atomic { assert(!on_stack[slot]); word[slot] = w };
#endif
#ifndef FAULT_bit_last
	atomic { bitmap[slot] = 1 };
#endif
	atomic { entry[room - 1] = slot + 1 };
	atomic {
		tag[room - 1] = 1;
		room = 0;
		d_step { count_live(flow); assert(n <= 1) }
	};
	atomic {
		pair_lock[PAIR(flow)] = 0;
		held = 0;
		if
		:: w & LOCKED -> goto count_it
		:: else -> goto lock
		fi
	};

leave_pair:
	atomic { pair_lock[PAIR(flow)] = 0; held = 0; i = 0; room = 0; tries = 0 };

lock: /* w: what the word was before the key was compared */
	atomic {
		i = 0;
		room = 0;
		if
		:: word[slot] == w && !(w & LOCKED) ->
#ifndef FAULT_lock_by_load_and_store
			word[slot] = w | LOCKED;
#endif
			tries = 0;
			goto count_it
		:: else -> tries++
		fi
	};
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> tries = 0; goto gone
		:: (w & LIVE) && tries == LOCK_TRIES -> tries = 0; goto spill
		:: else
		fi
#ifdef FAULT_no_key_at_retry
		;
		goto lock
#endif
	};
	atomic {
		if
		:: high[slot] != KEY_HIGH(flow) -> tries = 0; goto gone
		:: else
		fi
	};
	atomic {
		if
		:: low[slot] != KEY_LOW(flow) -> tries = 0; goto gone
		:: else -> goto lock
		fi
	};

gone: /* drained since: its next life, or overflow */
	atomic {
		rounds++;
		if
		:: rounds == ROUNDS_OF_A_PACKET -> goto no_room
		:: else -> goto look
		fi
	};

count_it:
#ifdef FAULT_lock_by_load_and_store
	atomic { word[slot] = w | LOCKED };
#endif
	atomic {
		i = 0;
		assert(FLOW_OF(high[slot], low[slot]) == flow);
		count = packets[slot]
	};
	atomic { packets[slot] = count + 1 };
	atomic { count = bytes[slot] };
	atomic { bytes[slot] = count + WEIGHT(flow) };
	atomic {
#ifdef FAULT_unlock_keeps_version
		word[slot] = w & ~LOCKED;
#else
		word[slot] = UNLOCKED_WORD(w);
#endif
		goto counted
	};

spill: /* into a hash of the kernel's: found, or inserted and found, by address; then added to by address */
	atomic { side = spill_side };
	atomic {
		find_spill(OWNER(flow, side));
		if
		:: cell < SPILL_CELLS -> goto spill_add
		:: else
		fi
	};
	atomic {
		find_spill(OWNER(flow, side));
		if
		:: cell == SPILL_CELLS ->
			find_spill(0);
			if
			:: cell == SPILL_CELLS -> goto no_room
			:: else -> spill_owner[cell] = OWNER(flow, side); spill_packets[cell] = 0
			fi
		:: else
		fi
	};
	atomic {
		find_spill(OWNER(flow, side));
		if
		:: cell == SPILL_CELLS -> goto no_room
		:: else
		fi
	};
spill_add:
#ifdef FAULT_spill_by_load_and_store
	atomic { count = spill_packets[cell] };
	atomic { spill_packets[cell] = count + 1; goto counted };
#else
	atomic { spill_packets[cell] = spill_packets[cell] + 1; goto counted };
#endif

no_room:
	atomic {
		overflow[flow]++;
		if
		:: held -> pair_lock[PAIR(flow)] = 0
		:: else
		fi
	};
counted:
#ifdef FAULT_bit_last
	atomic { finished[flow]++ };
	atomic { bitmap[slot] = 1 };
	atomic {
#else
	atomic {
		finished[flow]++;
#endif
		running[me] = 0;
		flow = 0; i = 0; slot = 0; tries = 0; rounds = 0; room = 0; count = 0; cell = 0;
		w = 0; head = 0; held = 0; side = 0;
		goto packet
	};
stop:
	skip
}

/* Userspace: one thread, which reads the slots whose bit is set, and alone frees. */
proctype monitor()
{
	byte slot, tries, flow, count, size, cell, round, was[CPUS];
	short w, head;
	bit whole;
#ifdef READS
	byte least[FLOWS], sum[FLOWS];
#endif

next_round:
	atomic {
		if
		:: round == ROUNDS -> goto settle
		:: else -> round++
		fi
	};

#ifdef READS
	atomic {
		whole = 1;
		least[0] = finished[0]; least[1] = finished[1]; least[2] = finished[2]
	};
read_slot:
	atomic {
		tries = 0;
		if
		:: slot == SLOTS -> slot = 0; goto read_spilled
		:: slot < SLOTS && !bitmap[slot] -> slot++; goto read_slot
		:: else
		fi
	};
read_again:
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> w = 0; slot++; goto read_slot
		:: (w & LIVE) && (w & LOCKED) -> goto read_busy
		:: else
		fi
	};
	atomic { flow = FLOW_OF(high[slot], low[slot]); count = packets[slot] };
	atomic { size = bytes[slot] };
	atomic {
		if
#ifdef FAULT_read_without_second_look
		:: true ->
#else
		:: word[slot] == w ->
#endif
			assert(size == count * WEIGHT(flow));
			sum[flow] = sum[flow] + count;
			w = 0; flow = 0; count = 0; size = 0; slot++;
			goto read_slot
		:: else -> w = 0; flow = 0; count = 0; size = 0
		fi
	};
read_busy:
	atomic {
		w = 0;
		tries++;
		if
		:: tries == READ_TRIES -> whole = 0; slot++; goto read_slot
		:: else -> goto read_again
		fi
	};
read_spilled:
	atomic {
		if
		:: cell == SPILL_CELLS -> cell = 0; goto judge
		:: cell < SPILL_CELLS && spill_owner[cell] ->
			sum[SPILL_FLOW(cell)] = sum[SPILL_FLOW(cell)] + spill_packets[cell]
		:: else
		fi;
		cell++;
		goto read_spilled
	};
judge: /* no packet twice; and none missing that was done before the reading began */
	atomic {
		do
		:: flow < FLOWS ->
			assert(sum[flow] + retired[flow] + overflow[flow] <= started[flow]);
			assert(!whole || sum[flow] + retired[flow] + overflow[flow] >= least[flow]);
			sum[flow] = 0;
			least[flow] = 0;
			flow++
		:: else -> break
		od;
		flow = 0
	};
#endif

#ifdef DRAINS
	atomic {
		if
		:: slot = 0
		:: SLOTS > 1 -> slot = SLOTS - 1
		fi
	};
	atomic {
		w = word[slot];
		if
		:: (w & LIVE) && !(w & LOCKED)
		:: else -> goto drained
		fi
	};
#ifdef FAULT_drain_by_store
	atomic { word[slot] = DEAD_WORD(w) };
#else
	atomic {
		if
		:: word[slot] == w -> word[slot] = DEAD_WORD(w)
		:: else -> goto drained
		fi
	};
#endif
	atomic {
		w = 0;
		flow = FLOW_OF(high[slot], low[slot]);
		count = packets[slot]
	};
	atomic {
		assert(bytes[slot] == count * WEIGHT(flow));
		retired[flow] = retired[flow] + count;
		count = 0
	};
	d_step { /* only the monitor takes an entry out, so that it may look for it in as many steps as it likes */
		size = 0;
		do
		:: size == 4 -> break
		:: size < 4 ->
			if
			:: tag[size] && entry[size] == slot + 1 -> break
			:: else -> size++
			fi
		od
	};
#ifndef FAULT_push_before_entry
	atomic {
		if
		:: size < 4 -> tag[size] = 0
		:: else
		fi
	};
#endif
#ifndef FAULT_push_before_bit
	atomic { bitmap[slot] = 0 };
#endif
push:
	atomic { flow = 0; head = free_head };
	atomic { high[slot] = HEAD_SLOT(head) };
	atomic {
		if
		:: free_head == head ->
			assert(!on_stack[slot]);
			assert(!(word[slot] & LIVE));
			on_stack[slot] = 1;
			free_head = (head & ~3) + slot + 1;
			head = 0
		:: else -> goto push
		fi
	};
#ifdef FAULT_push_before_entry
	atomic {
		if
		:: size < 4 -> tag[size] = 0
		:: else
		fi
	};
#endif
#ifdef FAULT_push_before_bit
	atomic { bitmap[slot] = 0 };
#endif
drained:
	atomic { w = 0; size = 0; slot = 0; flow = 0; cell = 0 };

	/* What was spilled: the programs are sent to the other side, and this one is taken when none can be at it any more. */
	atomic {
		if
		:: spill_owner[0] == 0 -> goto next_round
		:: else
		fi
	};
#ifndef FAULT_spill_on_one_side
	atomic { spill_side = !spill_side };
#endif
#ifndef FAULT_spill_without_grace
	atomic { was[0] = running[0]; was[1] = running[1]; was[CPUS - 1] = running[CPUS - 1] };
	atomic { (!was[0] || running[0] != was[0]) -> was[0] = 0 };
	atomic { (!was[1] || running[1] != was[1]) -> was[1] = 0 };
#if CPUS > 2
	atomic { (!was[CPUS - 1] || running[CPUS - 1] != was[CPUS - 1]) -> was[CPUS - 1] = 0 };
#endif
#endif
take_spilled:
	atomic {
		if
		:: cell == SPILL_CELLS -> cell = 0; goto next_round
#ifdef FAULT_spill_on_one_side
		:: cell < SPILL_CELLS && spill_owner[cell] ->
#else
		:: cell < SPILL_CELLS && spill_owner[cell] && (spill_owner[cell] & 1) != spill_side ->
#endif
			retired[SPILL_FLOW(cell)] = retired[SPILL_FLOW(cell)] + spill_packets[cell];
			spill_owner[cell] = 0;
			spill_packets[cell] = 0
		:: else
		fi;
		cell++;
		goto take_spilled
	};
#endif
	goto next_round;

settle: /* all is quiet: every packet is in one place, every slot in one state */
	atomic {
		done == CPUS;
		flow = 0;
		do
		:: flow < FLOWS ->
			count = retired[flow] + overflow[flow];
			slot = 0;
			do
			:: slot < SLOTS ->
				if
				:: (word[slot] & LIVE) && FLOW_OF(high[slot], low[slot]) == flow -> count = count + packets[slot]
				:: else
				fi;
				slot++
			:: else -> break
			od;
			cell = 0;
			do
			:: cell < SPILL_CELLS ->
				if
				:: spill_owner[cell] && SPILL_FLOW(cell) == flow -> count = count + spill_packets[cell]
				:: else
				fi;
				cell++
			:: else -> break
			od;
			assert(count == started[flow]);
			count_live(flow);
			assert(n <= 1);
			flow++
		:: else -> break
		od;
		assert(!pair_lock[0] && !pair_lock[1]);
		slot = 0;
		do
		:: slot < SLOTS ->
			assert(!(word[slot] & LOCKED));
			assert(on_stack[slot] != ((word[slot] & LIVE) >> 1));
			assert(bitmap[slot] == ((word[slot] & LIVE) >> 1));
			n = 0;
			m = 0;
			do
			:: m < 4 -> n = n + (tag[m] && entry[m] == slot + 1); m++
			:: else -> break
			od;
			assert(n == ((word[slot] & LIVE) >> 1));
			slot++
		:: else -> break
		od;
		/* As many steps down the stack as there are free slots, and there it ends. */
		slot = HEAD_SLOT(free_head);
		count = 0;
		do
		:: slot && count <= SLOTS -> assert(on_stack[slot - 1]); slot = high[slot - 1]; count++
		:: else -> break
		od;
		size = 0;
		n = 0;
		do
		:: n < SLOTS -> size = size + on_stack[n]; n++
		:: else -> break
		od;
		assert(count == size);
		n = 0;
		m = 0;
		ended = 1
	}
}

init
{
	atomic {
		n = 0;
		do
		:: n < SLOTS -> on_stack[n] = 1; high[n] = (n + 1 < SLOTS -> n + 2 : 0); n++
		:: else -> break
		od;
		n = 0;
		free_head = 1;
		run cpu(0, PACKETS_0, FLOWS_0);
		run cpu(1, PACKETS_1, FLOWS_1);
#ifdef PACKETS_2
		run cpu(2, PACKETS_2, FLOWS_1);
#endif
		run monitor()
	}
}

/* Everybody gets to the end, however they are scheduled: no try goes on for ever. */
ltl ends { <> ended }
ltl free_is_not_live { [] !((on_stack[0] && (word[0] & LIVE)) || (on_stack[SLOTS - 1] && (word[SLOTS - 1] & LIVE))) }
