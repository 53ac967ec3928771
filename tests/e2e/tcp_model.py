# SPDX-License-Identifier: BSD-2-Clause
"""TCP conversations as an observer in the middle sees them: a sender, a receiver, and a path that loses, delays and doubles.

Each end knows as much of TCP as makes the shapes that a watcher has to judge: fast retransmission after three duplicate
acknowledgements, retransmission after a time, zero windows and probes of them, keep-alives, SYN, FIN and RST. All is drawn
from one seed.
"""
import heapq
import itertools
import random
import socket
import struct

import packets

FIN, SYN, RST, ACK = 1, 2, 4, 16
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
MASK = 0xffffffff


def segment(ends, sequence, acknowledged, flags, window, size):
    (src, sport), (dst, dport) = ends
    header = struct.pack("!HHIIBBHHH", sport, dport, sequence & MASK, acknowledged & MASK, 0x50, flags, window, 0, 0)
    return packets.ethernet_frame(packets.ipv4_packet(socket.IPPROTO_TCP, header + bytes(size), src=src, dst=dst))


def write_pcap(path, frames):
    """Frames as (nanoseconds, bytes), in a file of nanoseconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
        for time_ns, frame in frames:
            file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(frame), len(frame)) + frame)


class Path:
    """From one end past the observer to the other. What is lost before it leaves a hole, what is lost after it does not."""

    def __init__(self, world, delay_ns, lost_before=0, lost_after=0, overtaken=0, doubled=0):
        self.world, self.delay_ns = world, delay_ns
        self.lost_before, self.lost_after, self.overtaken, self.doubled = lost_before, lost_after, overtaken, doubled
        self.free_ns = 0

    def send(self, ends, deliver, *fields):
        draw = self.world.draw
        if draw.random() < self.lost_before:
            return
        at = max(self.world.now, self.free_ns) + draw.randrange(1000, 20_000)
        self.free_ns = at
        at += self.delay_ns // 2
        if draw.random() < self.overtaken:
            at += draw.randrange(20_000, 12 * MS)
        for _ in range(2 if draw.random() < self.doubled else 1):
            self.world.at(at, self.pass_observer, ends, deliver, fields)
            at += draw.randrange(1000, 5 * MS)

    def pass_observer(self, ends, deliver, fields):
        self.world.frames.append((START_NS + self.world.now, segment(ends, *fields)))
        if self.world.draw.random() >= self.lost_after:
            self.world.at(self.world.now + self.delay_ns - self.delay_ns // 2, deliver, *fields)


class Conversation:
    """One client that sends `total` bytes, and a server that acknowledges them."""

    def __init__(self, world, number, total, there, back, handshake=True, keep_alives=0, stalls=0):
        self.world, self.there, self.back, self.total = world, there, back, total
        client, server = ("10.1.0.1", 40000 + number), ("10.1.0.2", 80)
        self.ends, self.other_ends = (client, server), (server, client)
        self.initial = world.draw.choice((world.draw.randrange(1 << 32), (1 << 32) - world.draw.randrange(1, total + 2)))
        self.other = world.draw.randrange(1, 1 << 32)  # the server's only number
        self.acknowledged = self.sent = self.highest = 0  # of the client, relative to the first byte
        self.duplicates = self.timer = 0
        self.keep_alives, self.stalls = keep_alives, stalls
        self.window = self.open_window = world.draw.randrange(8000, 60000)
        self.received, self.apart, self.done = 0, [], False
        self.timeout = max(200 * MS, 3 * (there.delay_ns + back.delay_ns))
        if handshake:
            self.client(-1, 0, SYN, 0)
        world.at(world.now + (there.delay_ns + back.delay_ns if handshake else 0) + 5 * MS, self.begin, handshake)

    def client(self, at, size, flags, acknowledged=1, deliver=None):
        self.there.send(self.ends, deliver or self.serve, self.initial + 1 + at, (self.other + 1) * acknowledged, flags,
                        64000, size)

    def server(self, flags=ACK, window=None):
        self.back.send(self.other_ends, self.acknowledge, self.other + (not flags & SYN),
                       self.initial + 1 + self.received, flags, self.open_window if window is None else window, 0)

    def begin(self, handshake):
        if handshake:
            self.client(0, 0, ACK)
        self.push()

    def push(self):
        """As much as the window takes, in segments of any size."""
        while self.sent < self.total and self.sent - self.acknowledged < min(self.window, 14000):
            size = min(self.world.draw.choice((1448, 1448, 1448, 536, 100, 2)), self.total - self.sent)
            self.client(self.sent, size, ACK)
            self.sent += size
        self.arm()

    def arm(self):
        self.timer += 1
        self.world.at(self.world.now + self.timeout, self.expire, self.timer)

    def expire(self, timer):
        if timer != self.timer or self.done:
            return
        if self.window == 0:
            self.client(self.acknowledged, 1, ACK)  # a probe of the window
        elif self.acknowledged < self.sent:
            self.again()
        self.arm()

    def again(self):
        self.client(self.acknowledged, min(1448, self.sent - self.acknowledged), ACK)

    def serve(self, sequence, _acknowledged, flags, _window, size):
        if flags & SYN:
            self.server(SYN | ACK)
            return
        if not size and not flags & FIN and not self.is_keep_alive(sequence):
            return
        at = (sequence - self.initial - 1) & MASK
        if at < 1 << 31 and (size > 1 or at + size >= self.total):  # a probe is not taken
            self.apart = [part for part in sorted(self.apart + [(at, at + size)]) if part[1] > self.received]
            for start, end in self.apart:
                if start <= self.received:
                    self.received = max(self.received, end)
        if self.stalls and self.received > self.total // (self.stalls + 1):
            self.stalls -= 1
            self.open_window, again = 0, self.open_window
            self.world.at(self.world.now + self.world.draw.randrange(100, 900) * MS, self.reopen, again)
        self.server()

    def is_keep_alive(self, sequence):
        return (sequence - self.initial - 1) & MASK == (self.received - 1) & MASK

    def reopen(self, window):
        self.open_window = window
        self.server()

    def acknowledge(self, _sequence, acknowledged, flags, window, _size):
        if flags & SYN or self.done:
            return
        at = (acknowledged - self.initial - 1) & MASK
        self.window = window
        if at > self.sent:
            self.sent = at if at < 1 << 31 else self.sent
        if at > self.acknowledged and at <= self.sent:
            self.acknowledged, self.duplicates = at, 0
        elif at == self.acknowledged and window:
            self.duplicates += 1
            if self.duplicates == 3:
                self.again()
        if self.acknowledged >= self.total:
            self.finish()
        else:
            self.push()

    def finish(self):
        if self.keep_alives:
            self.keep_alives -= 1
            self.timer += 1
            self.client(self.total - 1, self.world.draw.choice((0, 1)), ACK)
            return
        self.done = True
        self.client(self.total, 0, self.world.draw.choice((FIN | ACK, RST | ACK)), deliver=lambda *_: None)


class World:
    """The observer's clock and what passed it."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.now, self.frames, self._queue, self._numbers = 0, [], [], itertools.count()

    def at(self, time_ns, what, *arguments):
        heapq.heappush(self._queue, (time_ns, next(self._numbers), what, arguments))

    def run(self, until_ns=60 * 1000 * MS):
        while self._queue and self._queue[0][0] < until_ns:
            self.now, _, what, arguments = heapq.heappop(self._queue)
            what(*arguments)
        return self.frames
