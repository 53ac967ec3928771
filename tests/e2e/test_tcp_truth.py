# SPDX-License-Identifier: BSD-2-Clause
"""What the monitor says of TCP against tshark's analysis of the same capture, flow by flow."""
import collections
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import hosts
import tcp_model
from tcp_model import ACK, MS, START_NS, SYN, Conversation, Path, World

SHARED = pathlib.Path(os.environ.get("FLOWGAUGE_CAPTURES", hosts.ROOT.parent / "shared" / "pcaps"))
ANALYSIS = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
            "zero_window", "keep_alive", "zero_window_probe")
FIELDS = ["ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.flags",
          *(f"tcp.analysis.{name}" for name in ANALYSIS)]
COUNTS = ("retransmitted_packets", "retransmitted_bytes", "out_of_order", "lost_segments", "syn", "fin", "rst",
          "zero_window")


@pytest.fixture(scope="module", autouse=True)
def tshark(able):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")


def packets_of(path):
    """tshark's rows of the packets that have a TCP header, as dictionaries."""
    words = ["tshark", "-n", "-r", str(path), "-Y", "tcp.flags && !icmp && !icmpv6", "-T", "fields",
             "-E", "separator=/t", "-E", "occurrence=f", "-o", "tcp.relative_sequence_numbers:FALSE"]
    for field in FIELDS:
        words += ["-e", field]
    output = subprocess.run(words, check=True, capture_output=True, text=True, timeout=hosts.PATIENCE).stdout
    return [dict(zip(FIELDS, (line + "\t" * len(FIELDS)).split("\t"))) for line in output.splitlines()]


def truth_of(path):
    """{(src, dst, sport, dport): counts} as tshark judges."""
    flows = collections.defaultdict(collections.Counter)
    for row in packets_of(path):
        said = {name for name in ANALYSIS if row[f"tcp.analysis.{name}"]}
        flow = flows[row["ip.src"] or row["ipv6.src"], row["ip.dst"] or row["ipv6.dst"],
                     int(row["tcp.srcport"]), int(row["tcp.dstport"])]
        flags = int(row["tcp.flags"], 16)
        again = bool(said & {"retransmission", "fast_retransmission", "spurious_retransmission"})
        flow["retransmitted_packets"] += again
        flow["retransmitted_bytes"] += again * int(row["tcp.len"] or 0)
        flow["out_of_order"] += "out_of_order" in said
        flow["lost_segments"] += "lost_segment" in said
        flow["zero_window"] += "zero_window" in said
        for flag, bit in (("fin", 1), ("syn", 2), ("rst", 4)):
            flow[flag] += bool(flags & bit)
        for name in said:
            flow["said", name] += 1
    return flows


def measured(path):
    result = hosts.run(hosts.FLOWGAUGE, "--read", path, "--json")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    return {(flow["src"], flow["dst"], flow["sport"], flow["dport"]): flow
            for flow in records if flow["type"] == "flow" and flow["protocol"] == "TCP"}


def assert_agreement(path, what):
    truth, flows = truth_of(path), measured(path)
    assert flows.keys() == truth.keys(), what
    for key, wanted in truth.items():
        assert {name: flows[key]["tcp"][name] for name in COUNTS} == {name: wanted[name] for name in COUNTS}, (what, key)


def make_capture(path, seed):
    """Six conversations, each over a path of its own kind."""
    world = World(seed)
    draw = world.draw
    for number in range(6):
        kind = {name: draw.choice((0, 0.02, 0.1)) for name in ("lost_before", "lost_after", "overtaken", "doubled")}
        delay = draw.randrange(200_000, 80 * MS)
        there = Path(world, delay, **kind)
        back = Path(world, delay, lost_after=draw.choice((0, 0.05)))
        Conversation(world, number, draw.randrange(20_000, 200_000), there, back, handshake=draw.random() < 0.8,
                     keep_alives=draw.choice((0, 3)), stalls=draw.choice((0, 0, 2)))
    tcp_model.write_pcap(path, world.run())


SEEDS = [int(word) for word in os.environ.get("FLOWGAUGE_SEED", "").split()] or range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_conversations(place, seed):
    make_capture(place / "tcp.pcap", seed)
    assert_agreement(place / "tcp.pcap", f"seed {seed}")


def test_the_conversations_have_every_shape(place):
    said = collections.Counter()
    for seed in range(12):
        make_capture(place / "tcp.pcap", seed)
        for flow in truth_of(place / "tcp.pcap").values():
            said.update(flow)
    missing = [name for name in (*COUNTS, *(("said", name) for name in ANALYSIS)) if not said[name]]
    assert not missing, said


@pytest.mark.parametrize("seed", SEEDS)
def test_goodput_is_what_was_not_seen_before(place, seed):
    """All that the path loses before the observer comes again, so that in the end each byte is new once."""
    world = World(seed)
    there = Path(world, world.draw.randrange(MS, 40 * MS), lost_before=0.05, lost_after=0.05, overtaken=0.05, doubled=0.05)
    back = Path(world, 5 * MS, lost_after=0.05)
    total = world.draw.randrange(50_000, 300_000)
    Conversation(world, 0, total, there, back)
    tcp_model.write_pcap(place / "tcp.pcap", world.run())
    flow = measured(place / "tcp.pcap")["10.1.0.1", "10.1.0.2", 40000, 80]
    assert flow["payload_bytes"] > total
    assert round(flow["goodput_bytes_per_second"] * flow["interval_seconds"]) == total


# Where the monitor differs from tshark 4.0, as docs/metrics.md tells: (direction, sequence, acknowledged, flags, window,
# payload bytes) a millisecond apart; what the monitor says of the first direction; what tshark says.
DIFFERENCES = {
    "acknowledged before it is seen": (
        [(0, 100, 1, ACK, 9, 10), (1, 1, 150, ACK, 9, 0), (0, 110, 1, ACK, 9, 40)], {}, {"retransmitted_packets": 1}),
    "a probe's byte that was taken at once": (
        [(0, 100, 1, ACK, 9, 10), (1, 1, 110, ACK, 0, 0), (0, 110, 1, ACK, 9, 1), (1, 1, 111, ACK, 9, 0),
         (0, 111, 1, ACK, 9, 40)], {}, {"lost_segments": 1}),
    "another SYN-ACK without its SYN": (
        [(0, 99, 1, SYN | ACK, 9, 0), (0, 100, 1, ACK, 9, 10), (0, 50, 1, SYN | ACK, 9, 0), (0, 51, 1, ACK, 9, 10)], {},
        {"out_of_order": 2}),
    "a number of 0 is the highest": (
        [(0, (1 << 32) - 10, 1, ACK, 9, 10), (0, 50, 1, ACK, 9, 10)], {"lost_segments": 1}, {}),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_known_differences(place, name):
    segments, ours, theirs = DIFFERENCES[name]
    ends = ("10.1.0.1", 1000), ("10.1.0.2", 80)
    frames = [(START_NS + number * MS, tcp_model.segment(ends[::-1] if back else ends, *fields))
              for number, (back, *fields) in enumerate(segments)]
    tcp_model.write_pcap(place / "tcp.pcap", frames)
    key = "10.1.0.1", "10.1.0.2", 1000, 80
    judged = ("retransmitted_packets", "out_of_order", "lost_segments", "zero_window")
    flow, truth = measured(place / "tcp.pcap")[key]["tcp"], truth_of(place / "tcp.pcap")[key]
    assert {count: flow[count] for count in judged if flow[count]} == ours
    assert {count: truth[count] for count in judged if truth[count]} == theirs


# Fragments that end inside the TCP header: tshark reassembles them, the monitor judges packets.
CUT_HEADERS = {"ip_fragmented_garbage.pcap"}


def test_captures():
    captures = [path for path in sorted(SHARED.glob("*.pcap*")) if path.name not in CUT_HEADERS]
    if not captures:
        pytest.skip(f"no captures in {SHARED}")
    judged = 0
    for path in captures:
        flows = measured(path)
        truth = truth_of(path) if flows else {}
        for key, flow in flows.items():
            judged += 1
            assert {name: flow["tcp"][name] for name in COUNTS} == {name: truth[key][name] for name in COUNTS}, (path, key)
    assert judged


def retransmitted_by_kernel(host):
    return int(next(line.split()[1] for line in host.run("nstat", "-asz", "TcpRetransSegs").stdout.splitlines()
                    if line.startswith("TcpRetransSegs")))


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed")
def test_the_sender_says_the_same(monitor_of):
    """A router with a short queue drops. Where the sender is watched nothing is overtaken: what is not new, it sent again."""
    with hosts.namespaces(3) as (near, router, far):
        hosts.join(near, router, "veth0", 1)
        hosts.join(router, far, "veth1", 2)
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        near.ip("route", "add", "10.2.0.0/24", "via", "10.1.0.2")
        far.ip("route", "add", "10.1.0.0/24", "via", "10.2.0.1")
        limited = router.run("tc", "qdisc", "add", "dev", "veth1", "root", "tbf", "rate", "80mbit", "burst", "70000", "limit",
                             "100000", check=False)
        if limited.returncode:
            pytest.skip(f"no token bucket filter: {limited.stderr}")
        watched = monitor_of(near, "-i", "veth0", "-t", "0.2")
        server = far.start("iperf3", "-s", "-1", "-p", "5201", stdout=subprocess.DEVNULL)
        hosts.wait_for(lambda: "5201" in far.run("ss", "-ltn").stdout, "the server listens")
        near.run("iperf3", "-c", "10.2.0.2", "-p", "5201", "-t", "3")
        hosts.wait_for(lambda: server.poll() is not None, "the server ended")
        sent = watched.flows(direction="egress", protocol="TCP", src="10.1.0.1", dport=5201)
        again = sum(flow["tcp"]["retransmitted_packets"] + flow["tcp"]["out_of_order"] for flow in sent)
        kernel = retransmitted_by_kernel(near)
        assert kernel > 0
        assert again == kernel, sent
