/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table of docs/flow-table.md, as small as it can be and still go wrong: two CPUs that count packets, and the
 * monitor, which reads, drains and frees. Every load, store and atomic operation on memory that is shared is a step of
 * its own, so that all orders in which they can fall are tried; what is between two steps is local. Memory is taken to be
 * in order: what an order rests on is in the document, and FAULT_key_before_word is what a load out of order does.
 *
 * The size is given by -D: PACKETS_0 and PACKETS_1 of the CPUs (and PACKETS_2, if there is a third), SLOTS, HOMES, the flows that
 * a CPU's packet may belong to (FLOWS_0, FLOWS_1, sets of bits), ROUNDS of the monitor, and READS or DRAINS, what it does
 * in a round. -DFAULT_x breaks one step, to show that the properties can fail; tests/model/check.py has the list.
 *
 * A version never turns over here. Flows 0 and 1 share a home and a pair of lines, flow 2 has others, so that slots
 * are also claimed by two CPUs that hold different locks. With one home, some flow that is not in the model has the
 * neighbour for good, so that flows are soon displaced.
 */
#ifndef SLOTS
#define PACKETS_0 1
#define PACKETS_1 2
#define SLOTS 2
#define HOMES 1
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
#define SEARCH_TRIES 2
#define READ_TRIES 2

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

/* A key is of two words, which are written and compared one by one. Any two flows have one in common, or none. */
#define KEY_HIGH(flow) (1 + (flow) / 2)
#define KEY_LOW(flow) (1 + (flow) % 2)
#define FLOW_OF(high, low) (2 * ((high) - 1) + (low) - 1)
#define IS_OF(slot, flow) ((word[slot] & LIVE) && high[slot] == KEY_HIGH(flow) && low[slot] == KEY_LOW(flow))
#define PAIR(flow) ((flow) / 2)
#define LINE(flow, i) (2 * PAIR(flow) + (((flow) + (i)) & 1)) /* a line of one entry; the flow's own line first */
#define HOME(flow) (PAIR(flow) * (SLOTS - 1))
#define AT_HOME(flow, i) (HOME(flow) ^ (i)) /* SLOTS: behind the table's end, and nobody's */
#define IS_HOME(slot, flow) ((slot) == HOME(flow) || (HOMES == 2 && (slot) == AT_HOME(flow, 1)))
#define WEIGHT(flow) ((flow) + 1) /* bytes of a packet: they tell the flow */

/* What is shared. */
short word[SLOTS];
byte high[SLOTS], low[SLOTS], packets[SLOTS], bytes[SLOTS];
bit bitmap[SLOTS];
byte tag[4]; /* the flow + 1, but a look follows all: as if they were the same. 0 is a free entry */
byte entry[4];
bit pair_lock[2];
byte spill_owner[SPILL_CELLS], spill_packets[SPILL_CELLS];
bit spill_side;
#define SPILL_FLOW(cell) (spill_owner[cell] / 2 - 1)
#define OWNER(flow, side) (2 * ((flow) + 1) + (side))

/* What the properties need to know, and no program reads. */
byte started[FLOWS], finished[FLOWS], overflow[FLOWS], retired[FLOWS];
byte running[CPUS]; /* which packet the CPU is at, counted down; 0 between packets */
bit owned[SLOTS];   /* from a claim to the end of its draining */
byte done;
bit ended;

hidden byte n, m;

/* Live slots with the flow's key. */
inline count_live(flow)
{
	n = 0;
	m = 0;
	do
	:: m < SLOTS -> n = n + IS_OF(m, flow); m++
	:: else -> break
	od
}

inline own(slot)
{
	assert(!owned[slot]);
	assert(!(word[slot] & LIVE));
	owned[slot] = 1
}

inline find_spill(owner)
{
	cell = 0;
	do
	:: cell < SPILL_CELLS && spill_owner[cell] != owner -> cell++
	:: else -> break
	od
}

/*
 * A packet looks at its home, which is HOMES slots, and then at the two lines of its pair: at place i. The second look, with
 * the pair's lock held, is the same.
 */
#if defined(FAULT_no_home_in_second_look)
#define FIRST_PLACE (held -> HOMES : 0)
#else
#define FIRST_PLACE 0
#endif
#if defined(FAULT_no_index_in_second_look)
#define PLACES (held -> HOMES : HOMES + 2)
#else
#define PLACES (HOMES + 2)
#endif
#define NEXT_PLACE \
	i++; \
	if \
	:: i < PLACES -> goto look \
	:: i >= PLACES && held -> i = 0; goto claim \
	:: else -> i = 0; goto take_pair \
	fi

/* A program, at each of its packets. `held`: it has the pair's lock. */
proctype cpu(byte me; byte left; byte flows)
{
	byte flow, i, slot, tries, room, count, cell;
	short w;
	bit held, entered, side;

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
	atomic {
		if
		:: i < HOMES && AT_HOME(flow, i) < SLOTS -> slot = AT_HOME(flow, i); goto look_at_slot
		:: i >= HOMES && tag[LINE(flow, i - HOMES)]
		:: else -> NEXT_PLACE
		fi
	};
	atomic { slot = entry[LINE(flow, i - HOMES)] - 1 };
look_at_slot:
#ifndef FAULT_key_before_word
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> NEXT_PLACE
		:: else
		fi
	};
#endif
	atomic {
		if
		:: high[slot] != KEY_HIGH(flow) -> NEXT_PLACE
		:: else
		fi
	};
	atomic {
		if
		:: low[slot] != KEY_LOW(flow) -> NEXT_PLACE
		:: else
		fi
	};
#ifdef FAULT_key_before_word
	atomic {
		w = word[slot];
		if
		:: !(w & LIVE) -> NEXT_PLACE
		:: else
		fi
	};
#endif
	if
	:: held -> i = 0; goto leave_pair
	:: else -> i = 0; goto lock
	fi;

take_pair:
	atomic {
		entered = 1;
#ifdef FAULT_no_pair_lock
		held = 1;
		i = FIRST_PLACE;
		goto look;
#endif
		if
		:: pair_lock[PAIR(flow)] == 0 ->
			pair_lock[PAIR(flow)] = 1;
			held = 1;
			tries = 0;
			i = FIRST_PLACE;
#ifdef FAULT_no_second_look
			i = 0;
			goto claim;
#endif
			goto look
		:: else -> tries++
		fi;
		if
		:: tries == PAIR_TRIES -> tries = 0; i = 0; room = 0; goto spill
		:: else -> goto take_pair
		fi
	};

claim: /* the pair's lock is held, and no live slot has the key: one of its home, if it is free */
	atomic {
		slot = AT_HOME(flow, i);
		if
		:: slot < SLOTS && !bitmap[slot] -> goto claim_slot
		:: else -> i++
		fi;
		if
		:: i < HOMES -> goto claim
		:: else
		fi
	};
displaced:
	atomic {
		if
		:: !tag[LINE(flow, 0)] -> room = LINE(flow, 0) + 1; goto search
		:: else
		fi
	};
	atomic {
		if
		:: !tag[LINE(flow, 1)] -> room = LINE(flow, 1) + 1
		:: else -> goto no_room
		fi
	};
search: /* the map of taken slots has one word */
	atomic {
		slot = 0;
		do
		:: slot < SLOTS && bitmap[slot] -> slot++
		:: else -> break
		od;
		if
		:: slot < SLOTS -> goto claim_slot
		:: else -> goto no_room
		fi
	};
claim_slot: /* one operation, whose winner has the slot */
#ifdef FAULT_fill_before_claim
	atomic { high[slot] = KEY_HIGH(flow) };
	atomic { low[slot] = KEY_LOW(flow) };
#endif
	atomic {
		if
#if defined(FAULT_claim_by_load_and_store) || defined(FAULT_bit_after_live)
		:: true ->
#else
		:: !bitmap[slot] ->
#endif
			own(slot);
#ifndef FAULT_bit_after_live
			bitmap[slot] = 1;
#endif
			i = 0;
			tries = 0;
			goto fill
		:: else
		fi
	};
not_claimed:
	atomic {
		if
		:: !room -> i++
		:: else -> tries++
		fi;
		if
		:: !room && i < HOMES -> goto claim
		:: !room && i == HOMES -> goto displaced
		:: room && tries < SEARCH_TRIES -> goto search
		:: else -> goto no_room
		fi
	};

fill:
	atomic { w = BORN_WORD(word[slot]) };
#ifdef FAULT_live_before_fill
	atomic { w = w & ~LOCKED; word[slot] = w };
#endif
#ifndef FAULT_fill_before_claim
	atomic { high[slot] = KEY_HIGH(flow) };
	atomic { low[slot] = KEY_LOW(flow) };
#endif
	atomic { packets[slot] = 0 };
	atomic { bytes[slot] = 0 };
	atomic {
#ifndef FAULT_live_before_fill
		word[slot] = w;
#endif
		d_step { count_live(flow); assert(n <= 1); n = 0; m = 0 };
#ifdef FAULT_bit_after_live
	};
	atomic {
		bitmap[slot] = 1;
#endif
		if
		:: !room -> goto enter_ends
		:: else
		fi
	};
	atomic { entry[room - 1] = slot + 1 };
	atomic { tag[room - 1] = flow + 1; room = 0 };
enter_ends:
	atomic {
		pair_lock[PAIR(flow)] = 0;
		held = 0;
		if
		:: w & LOCKED -> goto count_it
		:: else -> goto lock
		fi
	};

leave_pair: /* another CPU was faster: its slot's word is read anew, and then the key */
	atomic { pair_lock[PAIR(flow)] = 0; held = 0; tries = 1; goto lock_again };

lock: /* w: what the word was before the key was compared */
	atomic {
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
lock_again:
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

gone: /* drained since: its next life; or overflow, if it is that which was drained */
	if
	:: entered -> goto no_room
	:: else -> goto take_pair
	fi;

count_it:
#ifdef FAULT_lock_by_load_and_store
	atomic { word[slot] = w | LOCKED };
#endif
	atomic {
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
	atomic {
		finished[flow]++;
		running[me] = 0;
		flow = 0; i = 0; slot = 0; tries = 0; room = 0; count = 0; cell = 0;
		w = 0; held = 0; entered = 0; side = 0;
		goto packet
	};
stop:
	skip
}

/* Userspace: one thread, which reads the slots whose bit is set, and alone frees. */
proctype monitor()
{
	byte slot, tries, flow, count, size, cell, round, was[CPUS];
	short w;
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
		:: SLOTS > 1 -> slot = 1
		:: SLOTS > 2 -> slot = SLOTS - 1
		fi;
#ifdef FAULT_drain_key_before_word
		if
		:: !high[slot] -> goto drained
		:: else -> flow = FLOW_OF(high[slot], low[slot])
		fi
	};
	atomic {
#endif
		w = word[slot];
		if
		:: (w & LIVE) && !(w & LOCKED)
		:: else -> goto drained
		fi
	};
#ifndef FAULT_drain_key_before_word
	atomic { flow = FLOW_OF(high[slot], low[slot]) };
#endif
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
#ifdef FAULT_bit_before_record
	atomic { bitmap[slot] = 0; owned[slot] = 0 };
#endif
	atomic {
		w = 0;
		assert(FLOW_OF(high[slot], low[slot]) == flow);
		count = packets[slot]
	};
	atomic {
		assert(bytes[slot] == count * WEIGHT(flow));
		retired[flow] = retired[flow] + count;
		count = 0
	};
#ifdef FAULT_bit_before_entry
	atomic { bitmap[slot] = 0; owned[slot] = 0 };
#endif
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
#ifdef FAULT_no_entry_at_home
		;
		if
		:: IS_HOME(slot, flow) -> size = 4
		:: else
		fi
#endif
	};
	atomic {
		if
		:: size < 4 -> tag[size] = 0
		:: else
		fi
	};
#if !defined(FAULT_bit_before_record) && !defined(FAULT_bit_before_entry)
	atomic { bitmap[slot] = 0; owned[slot] = 0 };
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
			assert(owned[slot] == ((word[slot] & LIVE) >> 1));
			assert(bitmap[slot] == ((word[slot] & LIVE) >> 1));
			n = 0;
			m = 0;
			do
			:: m < 4 && tag[m] && entry[m] == slot + 1 -> assert(IS_OF(slot, tag[m] - 1)); n++; m++
			:: m < 4 && !(tag[m] && entry[m] == slot + 1) -> m++
			:: else -> break
			od;
			assert(n <= 1);
			assert(n || !(word[slot] & LIVE) || IS_HOME(slot, FLOW_OF(high[slot], low[slot])));
			slot++
		:: else -> break
		od;
		n = 0;
		m = 0;
		ended = 1
	}
}

init
{
	atomic {
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
ltl live_is_claimed { [] !((!bitmap[0] && (word[0] & LIVE)) || (!bitmap[SLOTS - 1] && (word[SLOTS - 1] & LIVE))) }
