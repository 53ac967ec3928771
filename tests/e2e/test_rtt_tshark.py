# SPDX-License-Identifier: BSD-2-Clause
"""Passive round-trip times in captures against tshark's: tcp.analysis.ack_rtt, initial_rtt and icmp.resptime.

tshark times each acknowledgement from the last segment that it covers; the monitor times the first segment of a time stamp up
to its first echo. Where one segment is in flight they are the same. Where they differ is at the end, and in docs/rtt.md."""
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q, Ether

import captures
import hosts

REPLAY = pathlib.Path(os.environ.get("FLOWGAUGE_BUILD", hosts.ROOT / "build")) / "tests" / "e2e" / "linked" / "rtt_replay"
UNIT_NS = 16
US, MS, SECOND = 1000, 10**6, 10**9
START_NS = 1_700_000_000 * SECOND
FIELDS = ["ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.analysis.ack_rtt", "tcp.analysis.initial_rtt",
          "icmp.resptime", "tcp.flags.syn", "tcp.stream"]
SEEDS = [int(word) for word in os.environ.get("FLOWGAUGE_SEED", "").split()] or range(6)


@pytest.fixture(scope="module", autouse=True)
def needed(able):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    if not REPLAY.exists():
        pytest.fail(f"{REPLAY} is not built: make tests")


def rows_of(path, display="tcp || icmp || icmpv6"):
    words = ["tshark", "-n", "-r", str(path), "-Y", display, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]
    for field in FIELDS:
        words += ["-e", field]
    output = subprocess.run(words, check=True, capture_output=True, text=True, timeout=hosts.PATIENCE).stdout
    return [dict(zip(FIELDS, (line + "\t" * len(FIELDS)).split("\t"))) for line in output.splitlines()]


def ns(text, unit):
    """Exact: times are printed as decimals."""
    whole, _, rest = text.partition(".")
    return int(whole) * unit + int((rest + "0" * 9)[:len(str(unit)) - 1] or 0)


def truth_of(path):
    """{(src, dst, sport, dport): [times in ns]}: of what src sent and dst answered."""
    times = collections.defaultdict(list)
    for row in rows_of(path):
        answerer, asker = row["ip.src"] or row["ipv6.src"], row["ip.dst"] or row["ipv6.dst"]
        if row["icmp.resptime"]:
            times[asker, answerer, 0, 0].append(ns(row["icmp.resptime"], MS))
        if row["tcp.analysis.ack_rtt"]:
            times[asker, answerer, int(row["tcp.dstport"]), int(row["tcp.srcport"])].append(ns(row["tcp.analysis.ack_rtt"], SECOND))
    return dict(times)


def measured(path):
    """The lines of the replay by their type."""
    result = subprocess.run([str(REPLAY), str(path), "flow"], capture_output=True, text=True, timeout=hosts.PATIENCE)
    assert not result.returncode, result.stderr
    lines = collections.defaultdict(list)
    for line in map(json.loads, result.stdout.splitlines()):
        lines[line["type"]].append(line)
    return lines


def pairs_of(lines):
    return {(pair["src"], pair["dst"], pair["sport"], pair["dport"]): pair for pair in lines["pair"]}


def assert_same(path, what):
    truth, pairs = truth_of(path), pairs_of(measured(path))
    assert truth.keys() == pairs.keys(), what
    for key, times in truth.items():
        pair = pairs[key]
        assert pair["count"] == len(times), (what, key, times)
        assert abs(pair["sum_ns"] - sum(times)) <= UNIT_NS * len(times), (what, key, times)
        assert abs(pair["min_ns"] - min(times)) <= UNIT_NS, (what, key)
        assert abs(pair["last_ns"] - times[-1]) <= UNIT_NS, (what, key)
        for end, count in pair["buckets"]:
            near = sum(end * 4 / 5 - UNIT_NS <= time < end + UNIT_NS for time in times)
            assert count <= near, (what, key, end)
        assert sum(count for _, count in pair["buckets"]) == len(times)


class World:
    """Two hosts; frames in the order in which they pass."""

    def __init__(self, number, version, vlan=None):
        self.ends = (f"10.1.0.{2 * number + 1}", f"10.1.0.{2 * number + 2}")
        if version == 6:
            self.ends = (f"2001:db8::{2 * number + 1:x}", f"2001:db8::{2 * number + 2:x}")
        self.version, self.vlan, self.frames = version, vlan, []
        self.now = START_NS

    def send(self, back, layer):
        src, dst = self.ends[::-1] if back else self.ends
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        if self.vlan:
            frame /= Dot1Q(vlan=self.vlan)
        frame /= (IP if self.version == 4 else IPv6)(src=src, dst=dst)
        self.frames.append(captures.frame(self.now, bytes(frame / layer)))


class Conversation:
    """One segment in flight each way. `stamped`: with time stamps, from clocks of 1 ms."""

    def __init__(self, world, sport, stamped):
        self.world, self.ports, self.stamped = world, (sport, 443), stamped
        self.next = [random.getrandbits(32), random.getrandbits(32)]
        self.clock = [random.getrandbits(32), random.getrandbits(32)]
        self.echo = [0, 0]

    def segment(self, back, flags, length=0, options=()):
        stamp = (self.world.now // MS + self.clock[back]) & 0xFFFFFFFF
        options = list(options)
        if self.stamped:
            options += [("NOP", None), ("NOP", None), ("Timestamp", (stamp, self.echo[back]))]
            self.echo[not back] = stamp
        ports = self.ports[::-1] if back else self.ports
        acknowledged = self.next[not back] if "A" in flags else 0
        self.world.send(back, TCP(sport=ports[0], dport=ports[1], seq=self.next[back], ack=acknowledged, flags=flags,
                                  options=options) / bytes(length))
        self.next[back] = (self.next[back] + length + ("S" in flags) + ("F" in flags)) & 0xFFFFFFFF

    def handshake(self, draw):
        self.segment(0, "S", options=[("MSS", 1460), ("SAckOK", b"")])
        self.world.now += draw.randrange(2 * MS, 80 * MS)
        self.segment(1, "SA", options=[("MSS", 1460), ("SAckOK", b"")])
        self.world.now += draw.randrange(2 * MS, 80 * MS)
        self.segment(0, "A")

    def exchange(self, draw):
        """Data and its acknowledgement, from either end; now and then data is the acknowledgement."""
        back = draw.random() < 0.5
        self.world.now += draw.randrange(2 * MS, 500 * MS)
        self.segment(back, "PA", draw.randrange(1, 1400))
        self.world.now += draw.randrange(200 * US, 200 * MS)
        self.segment(not back, "A")


def make_capture(path, seed):
    draw = random.Random(seed)
    random.seed(seed)
    frames = []
    for number in range(6):
        world = World(number, draw.choice((4, 6)), draw.choice((None, 7)))
        conversation = Conversation(world, 40000 + number, True)
        conversation.handshake(draw)
        for _ in range(draw.randrange(40)):
            conversation.exchange(draw)
        frames += world.frames
    frames.sort(key=lambda each: each.time_ns)
    path.write_bytes(captures.capture(frames, form="pcap_ns"))


@pytest.mark.parametrize("seed", SEEDS)
def test_conversations(place, seed):
    make_capture(place / "tcp.pcap", seed)
    assert_same(place / "tcp.pcap", f"seed {seed}")


@pytest.mark.parametrize("seed", SEEDS)
def test_handshakes(place, seed):
    """Without time stamps: both parts, and together tshark's initial_rtt."""
    draw = random.Random(seed)
    random.seed(seed)
    frames = []
    for number in range(6):
        world = World(number, draw.choice((4, 6)))
        Conversation(world, 40000, False).handshake(draw)
        frames += world.frames
    path = place / "tcp.pcap"
    path.write_bytes(captures.capture(frames, form="pcap_ns"))
    assert_same(path, f"seed {seed}")
    pairs = pairs_of(measured(path))
    assert {pair["method"] for pair in pairs.values()} == {"tcp_handshake"}
    initial = {row["tcp.stream"]: (row, ns(row["tcp.analysis.initial_rtt"], SECOND)) for row in rows_of(path)
               if row["tcp.analysis.initial_rtt"]}
    assert len(initial) == 6
    for row, time in initial.values():
        ends = row["ip.src"] or row["ipv6.src"], row["ip.dst"] or row["ipv6.dst"]
        ports = int(row["tcp.srcport"]), int(row["tcp.dstport"])
        both = pairs[(*ends, *ports)]["sum_ns"] + pairs[(*ends[::-1], *ports[::-1])]["sum_ns"]
        assert abs(both - time) <= 2 * UNIT_NS


@pytest.mark.parametrize("version", (4, 6))
def test_echo(place, version):
    """With some lost on the way: those have no time. tshark 4.0 has icmp.resptime of ICMP alone: ICMPv6's are told by the model."""
    draw = random.Random(version)
    world, times = World(0, version, vlan=9), []
    for number in range(200):
        world.now += 1100 * MS
        request, reply = ((ICMP(type=8, id=7, seq=number), ICMP(type=0, id=7, seq=number)) if version == 4 else
                          (ICMPv6EchoRequest(id=7, seq=number), ICMPv6EchoReply(id=7, seq=number)))
        world.send(0, request / bytes(48))
        if draw.random() < 0.8:
            times.append(draw.randrange(50 * US, 250 * MS))
            world.now += times[-1]
            world.send(1, reply / bytes(48))
    path = place / "echo.pcap"
    path.write_bytes(captures.capture(world.frames, form="pcap_ns"))
    if version == 4:
        assert_same(path, "echo")
    pair, = measured(path)["pair"]
    assert (pair["method"], pair["count"]) == ("icmp_echo", len(times))
    assert abs(pair["sum_ns"] - sum(times)) <= UNIT_NS * len(times)


def test_shared_captures():
    """Whose least time the monitor knows, tshark knows it too, and of each pair as many times or more."""
    paths = sorted(captures.CAPTURES.glob("*.pcap*"))
    if not paths:
        pytest.skip(f"no captures in {captures.CAPTURES}")
    judged = 0
    for path in paths:
        lines = measured(path)
        if not lines["pair"]:
            continue
        truth = truth_of(path)
        for key, pair in pairs_of(lines).items():
            times = truth.get(key)
            assert times, (path.name, key, pair)
            least = min(times, key=lambda time: abs(time - pair["min_ns"]))
            assert abs(least - pair["min_ns"]) <= US, (path.name, key, pair, times)
            assert pair["count"] <= len(times), (path.name, key)
            judged += pair["count"]
    assert judged >= 12


def times_of(place, frames):
    path = place / "tcp.pcap"
    path.write_bytes(captures.capture(frames, form="pcap_ns"))
    key = "10.1.0.1", "10.1.0.2", 40000, 443
    pair = pairs_of(measured(path)).get(key)
    return truth_of(path).get(key, []), (pair["count"], pair["sum_ns"]) if pair else (0, 0)


def opened(world):
    conversation = Conversation(world, 40000, True)
    conversation.segment(0, "S")
    world.now += 10 * MS
    conversation.segment(1, "SA")
    world.now += 10 * MS
    conversation.segment(0, "A")
    world.now += 10 * MS
    return conversation


def test_a_delayed_acknowledgement_is_timed_from_the_first_segment(place):
    world = World(0, 4)
    conversation = opened(world)
    first = conversation.echo[1]
    conversation.segment(0, "A", 100)
    first = conversation.echo[1]
    world.now += 20 * MS
    conversation.segment(0, "A", 100)
    world.now += 5 * MS
    conversation.echo[1] = first  # RFC 7323, 4.3: the earliest segment that is acknowledged
    conversation.segment(1, "A")
    theirs, ours = times_of(place, world.frames)
    assert theirs == [10 * MS, 5 * MS]
    assert ours == (2, 10 * MS + 25 * MS)


def test_a_repeat_is_not_timed(place):
    """tshark times its acknowledgement from the first one, and so has the time until it was sent again."""
    world = World(0, 4)
    conversation = opened(world)
    conversation.segment(0, "A", 100)
    world.now += 300 * MS
    conversation.next[0] = (conversation.next[0] - 100) & 0xFFFFFFFF
    conversation.segment(0, "A", 100)
    world.now += 10 * MS
    conversation.segment(1, "A")
    theirs, ours = times_of(place, world.frames)
    assert theirs == [10 * MS, 310 * MS]
    assert ours == (1, 10 * MS)


def test_of_many_in_flight_some_are_timed(place):
    world = World(0, 4)
    conversation = opened(world)
    stamps = []
    for _ in range(5):
        conversation.segment(0, "A", 100)
        stamps.append((conversation.echo[1], conversation.next[0]))
        world.now += 2 * MS
    world.now += 30 * MS
    for stamp, acknowledged in stamps:
        conversation.echo[1], conversation.next[0] = stamp, acknowledged
        conversation.segment(1, "A")
        world.now += 2 * MS
    theirs, ours = times_of(place, world.frames)
    assert theirs == [10 * MS] + 5 * [40 * MS]
    assert ours == (3, 10 * MS + 2 * 40 * MS)
