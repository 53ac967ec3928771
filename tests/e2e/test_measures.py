# SPDX-License-Identifier: BSD-2-Clause
"""What the monitor says of a flow, against readers of their own: the interface's counters, a capture at the receiver,
and what the sender knows it sent. Nothing is compared with a wish or with the clock: what a slow machine really did is
measured as well."""
import bisect
import calendar
import contextlib
import itertools
import json
import random
import socket
import statistics
import struct
import threading
import time

import pytest

from hosts import UDP_OVERHEAD, receiver, without_noise
from packets import ethernet_frame, send_frames, udp_packet

SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
PORT = 5001
STREAM = {"src": "10.1.0.1", "dst": "10.1.0.2", "dport": PORT, "protocol": "UDP", "direction": "ingress"}

WATCH_COUNTER = """
import sys, time
with open("/sys/class/net/veth0/statistics/rx_bytes") as counter:
    while True:
        counter.seek(0)
        print(time.time(), counter.read().strip(), flush=True)
        time.sleep(0.01)
"""


def records(monitor, **wanted):
    """Records that a monitor with --json has written by now."""
    with open(monitor.output, encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [record for record in found if all(record.get(key) == value for key, value in wanted.items())]


def epoch(text):
    """Seconds since the epoch of RFC 3339 in UTC with nanoseconds."""
    whole, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)


def at(series, moment):
    """The counter at a moment, on the line between its neighbours in [(time, value), …]."""
    after = bisect.bisect([when for when, _ in series], moment)
    (t0, v0), (t1, v1) = series[after - 1], series[after]
    return v0 + (v1 - v0) * (moment - t0) / (t1 - t0)


def test_throughput_against_the_interface(pair, monitor, tmp_path):
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "1", "--json")
    samples = tmp_path / "samples"
    with open(samples, "wb") as output:
        watcher = far.start("/usr/bin/python3", "-c", WATCH_COUNTER, stdout=output)
    with receiver(far, PORT):
        sent = near.send_udp("10.1.0.2", PORT, count=312000, size=1400, mbit=600)
    watched.settle()
    watched.stop()
    watcher.terminate()
    watcher.wait()
    counted = [tuple(map(float, line.split())) for line in samples.read_text().splitlines()[:-1]]
    flows = records(watched, type="flow", dport=PORT, direction="ingress")
    # Ticks in which the flow ran from end to end; in the others the interval holds a part of it only.
    whole = [flow for flow in flows if epoch(flow["first_seen"]) < epoch(flow["time"]) - flow["interval_seconds"] and
             flow["packets"] < sent["packets"]]
    assert len(whole) >= 3, flows
    for flow in whole:
        end, seconds = epoch(flow["time"]), flow["interval_seconds"]
        independent = (at(counted, end) - at(counted, end - seconds)) / seconds
        assert flow["throughput_bytes_per_second"] == pytest.approx(independent, rel=0.01)
        payload = independent * 1400 / (1400 + UDP_OVERHEAD[4])
        assert flow["goodput_bytes_per_second"] == pytest.approx(payload, rel=0.01)
    # The rates of all ticks together are all that was sent, the first interval included.
    for rate, total in (("goodput", sent["payload_bytes"]), ("throughput", flows[-1]["bytes"])):
        measured = sum(flow[f"{rate}_bytes_per_second"] * flow["interval_seconds"] for flow in flows)
        assert measured == pytest.approx(total, rel=1e-6)
    assert flows[-1]["packets"] == sent["packets"]
    assert flows[-1]["payload_bytes"] == sent["payload_bytes"]
    assert flows[-1]["bytes"] == sent["payload_bytes"] + sent["packets"] * UDP_OVERHEAD[4]


class Capture:
    """Arrival times of UDP packets by destination port, as the kernel stamps them for a packet socket."""

    def __init__(self, host, interface):
        self.times = {}
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        with host:
            self._socket.bind((interface, ETH_P_ALL))
        self._socket.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self):
        while not self._ended.is_set():
            try:
                frame, ancillary, _, address = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                continue
            if address[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
                continue
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            self.times.setdefault(int.from_bytes(frame[36:38], "big"), []).append(seconds + nanoseconds / 1e9)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._socket.close()


def gaps_of_tick(times, record):
    """The gaps that may be the tick's: a packet next to the tick's start or end may be on either side of it."""
    end = bisect.bisect(times, epoch(record["time"]))
    start = bisect.bisect(times, epoch(record["time"]) - record["interval_seconds"])
    for first, last in itertools.product((start - 1, start, start + 1), (end - 1, end, end + 1)):
        if 1 <= first and last <= len(times) and last - first == record["interarrival"]["count"]:
            yield [times[i] - times[i - 1] for i in range(first, last)]


def fits(record, gaps):
    def near(reported, captured):
        return abs(reported - captured) <= max(0.001, 0.02 * captured)

    measured = record["interarrival"]
    return (near(measured["mean_seconds"], statistics.mean(gaps)) and
            near(measured["stddev_seconds"], statistics.stdev(gaps)))


def test_interarrival_against_a_capture(pair, monitor):
    """One flow for each gap, all at once, and one whose gaps are 5 and 45 ms in turn: its deviation is not small."""
    near, far = pair
    gaps_ms = {5010: 10, 5020: 20, 5050: 50, 5100: 100, 5500: 500}
    uneven = 5005
    watched = monitor("-i", "veth0", "-t", "3", "--direction", "in", "--json")
    with contextlib.ExitStack() as takers, receiver(far, uneven), Capture(far, "veth0") as capture:
        for port in gaps_ms:
            takers.enter_context(receiver(far, port))
        senders = [threading.Thread(target=near.send_udp, args=("10.1.0.2", port),
                                    kwargs={"count": 10000 // gap, "gap_us": gap * 1000})
                   for port, gap in gaps_ms.items()]
        for sender in senders:
            sender.start()
        with near.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
            for i in range(400):
                talker.sendto(bytes(100), ("10.1.0.2", uneven))
                time.sleep(0.045 if i % 2 else 0.005)
                if not any(sender.is_alive() for sender in senders):
                    break
        for sender in senders:
            sender.join()
        watched.settle()
    watched.stop()
    for port in (uneven, *gaps_ms):
        flows = [flow for flow in records(watched, type="flow", dport=port) if flow["interarrival"]["count"] >= 2]
        assert len(flows) >= 2, f"port {port}: {records(watched, type='flow', dport=port)}"
        for flow in flows:
            possible = list(gaps_of_tick(capture.times[port], flow))
            assert possible, f"port {port}: {flow['interarrival']} is of no run of gaps in the capture"
            assert any(fits(flow, gaps) for gaps in possible), f"{port}: {flow['interarrival']}, captured {possible}"
    assert any(flow["interarrival"]["stddev_seconds"] > 0.01 for flow in records(watched, type="flow", dport=uneven))


def send_numbers(near, far, numbers, size=64, **words):
    with receiver(far, PORT):
        near.send_udp("10.1.0.2", PORT, numbers=numbers, size=size, **words)


@pytest.mark.parametrize("numbers, expected", [
    pytest.param(list(range(8)) * 100, {"reverse": 99, "duplicate": 792}, id="0 to 7 in a cycle"),
    pytest.param(range(0, 3000, 3), {"big": 999, "lost": 1998}, id="step 3"),
    pytest.param(range(0, 2000, 2), {"small": 999, "lost": 999}, id="step 2"),
    pytest.param(range(2**32 - 500, 2**32 + 500), {}, id="past 2^32"),
])
def test_sequence(pair, monitor, numbers, expected):
    watched = monitor("-i", "veth0", "-t", "0.2", config={"OFFSET": 0, "SEQUENCE_THRESHOLD": 2})
    numbers = [number % 2**32 for number in numbers]
    send_numbers(*pair, numbers, offset=0)
    sequence = watched.flow(**STREAM)["sequence"]
    nothing = dict.fromkeys(("reverse", "small", "big", "lost", "duplicate", "reordered"), 0)
    assert sequence == {"current": numbers[-1], "received": len(numbers), **nothing, **expected}


def disturbed(rng, count, start):
    """Numbers as a bad path delivers them: some lost, some twice, some late by up to 20 places; then a run of losses.

    The last losses outweigh whatever a tick in the midst of it took for lost and was only late.
    """
    places = []
    for i in range(count):
        if rng.random() < 0.05:
            continue
        places.append((i + (rng.uniform(1, 20) if rng.random() < 0.05 else 0), start + i))
        if rng.random() < 0.03:
            places.append((i + rng.uniform(0, 20), start + i))
    numbers = [number for _, number in sorted(places)]
    last = max(numbers)
    return numbers + [last + 41, last + 42]


def judged(numbers, threshold):
    """The counts, by sets and plain sums."""
    steps = [b - a for a, b in zip(numbers, numbers[1:])]
    seen, highest, reordered, duplicate = set(), None, 0, 0
    for number in numbers:
        if number in seen:
            duplicate += 1
        elif highest is not None and number < highest:
            reordered += 1
        seen.add(number)
        highest = number if highest is None else max(highest, number)
    return {
        "current": numbers[-1] % 2**32, "received": len(numbers),
        "reverse": sum(step < 0 for step in steps), "big": sum(step > threshold for step in steps),
        "small": sum(0 <= step <= threshold and step != 1 for step in steps),
        "lost": max(numbers) - min(numbers) + 1 - len(seen), "duplicate": duplicate, "reordered": reordered,
    }


def test_injected_loss_duplicates_and_reordering(pair, monitor):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    # It starts short of 2^32, so that the numbers wrap on the way.
    numbers = disturbed(random.Random(seed), 3000, 2**32 - 1500)
    expected = judged(numbers, 2)
    assert min(expected[kind] for kind in ("lost", "duplicate", "reordered", "reverse", "small", "big")) > 0
    watched = monitor("-i", "veth0", "-t", "0.2", config={"OFFSET": 0, "SEQUENCE_THRESHOLD": 2})
    send_numbers(*pair, [number % 2**32 for number in numbers], offset=0)
    assert watched.flow(**STREAM)["sequence"] == expected


@pytest.mark.parametrize("offset", [1, 13, 1468])
def test_offset(pair, monitor, offset):
    watched = monitor("-i", "veth0", "-t", "0.2", config={"OFFSET": offset})
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=500, size=1472, offset=offset, start=7)
    sequence = watched.flow(**STREAM)["sequence"]
    assert (sequence["received"], sequence["current"], sequence["lost"]) == (500, 506, 0)
    assert (sequence["reverse"], sequence["small"], sequence["big"]) == (0, 0, 0)


@pytest.mark.parametrize("pattern, offset, mtu, places, beyond", [
    ("0a", 1, 1500, (0, 1, 63, 64, 65, 1467), ()),
    ("0a1b2c3d", 6, 1500, (0, 1, 7, 60, 61, 62, 63, 64, 65, 127, 700, 1462), ()),
    ("0102030405060708", 8, 9000, (0, 57, 63, 1500, 4095, 4992), (4993, 5000, 8000)),
])
def test_pattern(pair, monitor, pattern, offset, mtu, places, beyond):
    """A flow for each place of the pattern; those beyond the reach of 5000 bytes have no sequence numbers."""
    near, far = pair
    for host in pair:
        host.ip("link", "set", "veth0", "mtu", mtu)
    size = mtu - 28
    watched = monitor("-i", "veth0", "-t", "0.2", config={"PATTERN": "0x" + pattern, "OFFSET": offset})
    ports = {6000 + place: place for place in (*places, *beyond)}
    for port, place in ports.items():
        with receiver(far, port):
            near.send_udp("10.1.0.2", port, count=50, size=size, start=3, pattern=pattern, pattern_at=place,
                          offset=place + offset)
    flows = {flow["dport"]: flow for flow in watched.flows(protocol="UDP", direction="ingress")}
    for port, place in ports.items():
        sequence = flows[port]["sequence"]
        assert flows[port]["packets"] == 50
        if place in beyond:
            assert sequence is None, f"pattern at {place}"
        else:
            found = [sequence[name] for name in ("received", "current", "lost", "reverse")]
            assert found == [50, 52, 0, 0], f"pattern at {place}"


def talk_tcp(near, far, up, down):
    """One connection from near to far that carries so many bytes each way; both its ports."""
    def serve():
        taken, _ = server.accept()
        with taken:
            got = 0
            while got < up:
                got += len(taken.recv(1 << 16))
            taken.sendall(bytes(down))
            taken.shutdown(socket.SHUT_WR)
            assert taken.recv(1) == b""

    stream = (socket.AF_INET, socket.SOCK_STREAM)
    with far.socket(*stream) as server, near.socket(*stream) as client:
        server.bind(("10.1.0.2", 0))
        server.listen()
        server.settimeout(30)
        thread = threading.Thread(target=serve)
        thread.start()
        client.connect(server.getsockname())
        ports = client.getsockname()[1], server.getsockname()[1]
        client.sendall(bytes(up))
        got = 0
        while chunk := client.recv(1 << 16):
            got += len(chunk)
        assert got == down
        client.close()
        thread.join()
    return ports


@pytest.mark.parametrize("offload", ["off", "on"])
def test_tcp_both_directions(pair, monitor, offload):
    near, far = pair
    for host in pair:
        host.run("ethtool", "-K", "veth0", "tso", offload, "gso", offload, "gro", offload)
    without_noise(*pair)
    up, down = 3_000_017, 1_000_003
    watched = monitor("-i", "veth0", "-t", "0.2")
    before = far.counters("veth0")
    sport, dport = talk_tcp(near, far, up, down)
    ends = {"ingress": ("10.1.0.1", "10.1.0.2", sport, dport, up, "rx"),
            "egress": ("10.1.0.2", "10.1.0.1", dport, sport, down, "tx")}
    flows = {flow["direction"]: flow for flow in watched.flows(protocol="TCP")}
    after = far.counters("veth0")
    for direction, (src, dst, source_port, destination_port, payload, side) in ends.items():
        flow = flows[direction]
        assert (flow["src"], flow["dst"], flow["sport"], flow["dport"]) == (src, dst, source_port, destination_port)
        assert flow["payload_bytes"] == payload
        # Segments of 1448 bytes, whether or not they came in one buffer, each with headers of its own.
        assert flow["packets"] >= payload / 1448
        assert flow["bytes"] >= payload + flow["packets"] * (14 + 20 + 20)
        if offload == "off":
            # Every buffer is a frame then, and nothing else is on the link: the interface's counters tell the same.
            counted = {unit: after[side][unit] - before[side][unit] for unit in ("packets", "bytes")}
            assert {unit: flow[unit] for unit in counted} == counted


@pytest.mark.parametrize("version, ends, overhead, protocol", [
    (4, ("10.1.0.1", "10.1.0.2"), 14 + 20 + 8, "ICMP"),
    (6, ("fd00:1::1", "fd00:1::2"), 14 + 40 + 8, "ICMPv6"),
])
def test_ping(pair, monitor, version, ends, overhead, protocol):
    watched = monitor("-i", "veth0", "-t", "0.2")
    pair[0].run("ping", f"-{version}", "-c", "7", "-i", "0.02", "-s", "100", ends[1])
    for direction, (src, dst) in (("ingress", ends), ("egress", ends[::-1])):
        flow = watched.flow(protocol=protocol, direction=direction, src=src, dst=dst)
        assert (flow["sport"], flow["dport"], flow["sequence"]) == (0, 0, None)
        assert (flow["packets"], flow["payload_bytes"], flow["bytes"]) == (7, 7 * 100, 7 * (100 + overhead))


def test_udp_over_ipv6(pair, monitor):
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2")
    with receiver(far, PORT, socket.AF_INET6):
        near.send_udp("fd00:1::2", PORT, count=100, size=1000, source=4001)
    flow = watched.flow(protocol="UDP", src="fd00:1::1", dst="fd00:1::2", direction="ingress")
    assert (flow["sport"], flow["dport"], flow["packets"]) == (4001, PORT, 100)
    assert (flow["payload_bytes"], flow["bytes"]) == (100_000, 100 * (1000 + UDP_OVERHEAD[6]))


def test_vlan(pair, monitor):
    """A tag is part of the frame and of the flow's name; with two of them, the outer one 802.1ad."""
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in")
    before = far.counters("veth0")["rx"]
    kinds = {(): 10, ((0x8100, 7),): 20, ((0x8100, 0),): 30, ((0x88a8, 100), (0x8100, 200)): 40}
    for tags, count in kinds.items():
        send_frames(near, [ethernet_frame(udp_packet(4001, PORT, 100), tags=tags)] * count)
    flows = {tuple(flow["vlan"]): flow for flow in watched.flows(dport=PORT)}
    after = far.counters("veth0")["rx"]
    for tags, count in kinds.items():
        flow = flows[tuple(number for _, number in tags)]
        assert (flow["packets"], flow["payload_bytes"]) == (count, count * 100), tags
        assert flow["bytes"] == count * (100 + UDP_OVERHEAD[4] + 4 * len(tags)), tags
    for unit in ("packets", "bytes"):
        assert sum(flow[unit] for flow in flows.values()) == after[unit] - before[unit]
