# SPDX-License-Identifier: BSD-2-Clause
"""Wire truth: whatever the offloads merge or leave to be cut, the same packets, bytes and payload, at both ends of a link.

The independent count is an AF_PACKET socket on each end, read with the kernel's own note of a buffer's segment size
(PACKET_VNET_HDR): at the sender it stands behind the cutting of GSO, and before that of TSO; at the receiver behind GRO.
With all of them off there is nothing to compute: its frames are the segments.
"""
import collections
import contextlib
import itertools
import json
import os
import socket
import struct
import threading

import pytest

from hosts import UDP_OVERHEAD, receiver, run, wait_for, without_noise

SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
SOL_UDP, UDP_SEGMENT = 17, 103
VNET_HEADER = struct.Struct("=BBHHHH")
FRAME_MAX = 300_000
BUFFERS = 256 << 20
JUMBO_BYTES = 8
TCP_BYTES = 600_000
VXLAN_PORT = 4789
PORT = 6000
RTM_NEWLINK, NLM_F_REQUEST, NLM_F_ACK = 16, 1, 4
# IFLA_GSO_IPV4_MAX_SIZE and IFLA_GRO_IPV4_MAX_SIZE; IFLA_GSO_MAX_SIZE and IFLA_GRO_MAX_SIZE, which are IPv6's
BIG_TCP = {4: (63, 64), 6: (41, 58)}
OFFLOADS = list(itertools.product(("on", "off"), repeat=3))

Count = collections.namedtuple("Count", "packets bytes payload buffers largest repeated sports")
Frame = collections.namedtuple("Frame", "protocol sport dport headers unsent payload sequence")


def set_offloads(pair, gro, gso, tso):
    for host in pair:
        host.run("ethtool", "-K", "veth0", "gro", gro, "gso", gso, "tso", tso, "tx-udp-segmentation", tso)


def network_header(frame, at):
    """(protocol, where the next header is, bytes that are on no wire) of an IP header at `at`."""
    if frame[at] >> 4 == 4:
        return frame[at + 9], at + 4 * (frame[at] & 15), 0
    if frame[at + 6] == 0:  # hop by hop
        unsent = JUMBO_BYTES if frame[at + 4:at + 6] == b"\0\0" else 0
        return frame[at + 40], at + 40 + 8 + 8 * frame[at + 41], unsent
    return frame[at + 6], at + 40, 0


def dissect(frame):
    """A frame of UDP or TCP; of a VXLAN tunnel, what is in it and the ports of the tunnel. None: something else."""
    if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return None
    protocol, at, unsent = network_header(frame, 14)
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return None
    sport, dport = struct.unpack_from("!HH", frame, at)
    if dport == VXLAN_PORT:
        if frame[at + 8 + 8 + 12:at + 8 + 8 + 14] not in (b"\x08\x00", b"\x86\xdd"):
            return None
        protocol, at, unsent = network_header(frame, at + 8 + 8 + 14)
    tcp = protocol == socket.IPPROTO_TCP
    headers = at + (4 * (frame[at + 12] >> 4) if tcp else 8)
    sequence = int.from_bytes(frame[at + 4:at + 8], "big") if tcp else 0
    return Frame(protocol, sport, dport, headers, unsent, len(frame) - headers, sequence)


def covered(parts):
    """Bytes of a TCP stream that parts of (sequence number, bytes) hold at least once, in whatever order they come."""
    first = parts[0][0] if parts else 0
    end = total = 0
    for start, length in sorted(((sequence - first) % (1 << 32), length) for sequence, length in parts if length):
        total += max(0, start + length - max(start, end))
        end = max(end, start + length)
    return total


class Capture:
    """Everything that passes veth0 of a host, kept by the kernel until it is counted."""

    def __init__(self, host):
        self.host = host
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFERS)
        with host:
            self.socket.bind(("veth0", 3))  # ETH_P_ALL
        self.socket.setblocking(False)

    def frames(self, outgoing):
        """(segment size or 0, frame) of what came since it was asked for last."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = self.socket.recvfrom(FRAME_MAX)
                if (address[2] == PACKET_OUTGOING) == outgoing:
                    yield VNET_HEADER.unpack_from(data)[3], data[VNET_HEADER.size:]
        _, dropped = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        assert not dropped, "the capture is not whole"

    def count(self, protocol, dport, outgoing):
        """Of a tunnel, the protocol is the inner one and the port its own."""
        packets = size = payload = buffers = largest = 0
        parts, sports = [], set()
        for segment, data in self.frames(outgoing):
            frame = dissect(data)
            if not frame or (frame.protocol, frame.dport) != (protocol, dport):
                continue
            segments = max(1, -(-frame.payload // segment)) if segment else 1
            packets += segments
            size += len(data) - frame.unsent + (segments - 1) * (frame.headers - frame.unsent)
            payload += frame.payload
            buffers += 1
            largest = max(largest, len(data))
            sports.add(frame.sport)
            parts.append((frame.sequence, frame.payload))
        repeated = payload - covered(parts) if protocol == socket.IPPROTO_TCP else 0
        return Count(packets, size, payload, buffers, largest, repeated, sports)

    def close(self):
        self.socket.close()


def address_of(version, end, tunnel=False):
    number = 2 if tunnel else 1
    return f"10.{number}.0.{end}" if version == 4 else f"fd00:{number}::{end}"


def transfer_tcp(near, far, version, port, size, tunnel=False):
    """near sends so many bytes to far; both have closed when it returns."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    got = []
    listener = far.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address_of(version, 2, tunnel), port))
    listener.listen(1)

    def take():
        taken, _ = listener.accept()
        with taken:
            taken.settimeout(60)
            total = 0
            while data := taken.recv(1 << 20):
                total += len(data)
            got.append(total)

    thread = threading.Thread(target=take)
    thread.start()
    with listener, near.socket(family, socket.SOCK_STREAM) as sender:
        sender.settimeout(60)
        sender.connect((address_of(version, 2, tunnel), port))
        sender.sendall(b"\x55" * size)
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b""
        thread.join()
    assert got == [size]


def transfer_udp(near, version, port, segment, segments, times, tunnel=False):
    """`times` buffers of so many segments each, the last one shorter; the payload in all."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    size = segment * (segments - 1) + segment // 3
    with near.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, segment)
        for _ in range(times):
            sender.sendto(b"\x55" * size, (address_of(version, 2, tunnel), port))
    return size * times


def sums(flows):
    return tuple(sum(flow[key] for flow in flows) for key in ("packets", "bytes", "payload_bytes"))


class Bench:
    """A monitor and a capture on both ends."""

    def __init__(self, pair, monitor):
        self.near, self.far = self.pair = pair
        self.monitors = {host: monitor("-i", "veth0", "-t", "0.1", host=host) for host in pair}
        self.captures = {host: Capture(host) for host in pair}

    def check(self, protocol, port, name, what):
        """The monitors and the captures of both ends agree; what the sender's capture has counted."""
        counts = {}
        for host, direction in ((self.near, "egress"), (self.far, "ingress")):
            counted = sums(self.monitors[host].flows(direction=direction, protocol=name, dport=port))
            counts[host] = self.captures[host].count(protocol, port, host is self.near)
            assert counted == counts[host][:3], f"{what}, {direction}: monitor {counted}, capture {counts[host]}"
        assert counts[self.near][:3] == counts[self.far][:3], f"{what}: {counts}"
        return counts

    def close(self):
        for capture in self.captures.values():
            capture.close()


@pytest.fixture
def bench(pair, monitor):
    made = Bench(pair, monitor)
    yield made
    made.close()


def set_mtu(pair, mtu):
    for host in pair:
        host.ip("link", "set", "veth0", "mtu", mtu)


@pytest.mark.parametrize("mtu", [1500, 9000])
@pytest.mark.parametrize("version", [4, 6])
def test_all_combinations(bench, mtu, version):
    set_mtu(bench.pair, mtu)
    segment = mtu - 100
    segments, times = 60000 // segment, 20
    ports = itertools.count(PORT)
    merged = 0
    for gro, gso, tso in OFFLOADS:
        what = f"gro {gro}, gso {gso}, tso {tso}"
        set_offloads(bench.pair, gro, gso, tso)
        port = next(ports)
        transfer_tcp(bench.near, bench.far, version, port, TCP_BYTES)
        for count in bench.check(socket.IPPROTO_TCP, port, "TCP", what).values():
            assert count.payload - count.repeated == TCP_BYTES, what
            if (gro, gso, tso) == ("off", "off", "off"):
                assert (count.packets, count.largest <= 14 + mtu) == (count.buffers, True), "frames are the segments"
            merged += count.packets - count.buffers
        port = next(ports)
        with receiver(bench.far, port, socket.AF_INET if version == 4 else socket.AF_INET6):
            sent = transfer_udp(bench.near, version, port, segment, segments, times)
        packets = segments * times
        for count in bench.check(socket.IPPROTO_UDP, port, "UDP", what).values():
            assert count[:3] == (packets, sent + packets * UDP_OVERHEAD[version], sent), what
    assert merged, "something was merged, or there was nothing to prove"


@pytest.mark.parametrize("version", [4, 6])
def test_tunnel(bench, version):
    """The outer flow of a VXLAN tunnel: each segment has the inner headers, too, and they are payload to the outer flow."""
    make_tunnel(bench.pair)
    ports = itertools.count(PORT)
    merged = 0
    for gro, gso, tso in OFFLOADS:
        what = f"gro {gro}, gso {gso}, tso {tso}"
        set_offloads(bench.pair, gro, gso, tso)
        transfer_tcp(bench.near, bench.far, version, next(ports), TCP_BYTES, tunnel=True)
        for host, direction in ((bench.near, "egress"), (bench.far, "ingress")):
            bench.monitors[host].settle()
            count = bench.captures[host].count(socket.IPPROTO_TCP, VXLAN_PORT, host is bench.near)
            # The tunnel gives each connection a source port of its own; multicast through it has others.
            flows = [flow for flow in bench.monitors[host].flows(direction=direction, dport=VXLAN_PORT, protocol="UDP")
                     if flow["sport"] in count.sports]
            assert sums(flows) == (count.packets, count.bytes, count.bytes - count.packets * UDP_OVERHEAD[4]), \
                f"{what}, {direction}: {flows} {count}"
            assert count.payload - count.repeated == TCP_BYTES, what
            merged += count.packets - count.buffers
    assert merged, "something was merged, or there was nothing to prove"


def make_tunnel(pair):
    for end, host in enumerate(pair, 1):
        added = run("ip", "-n", host.name, "link", "add", "vxlan0", "address", f"02:00:00:02:00:0{end}", "type", "vxlan",
                    "id", "7", "remote", f"10.1.0.{3 - end}", "dstport", VXLAN_PORT, "dev", "veth0", check=False)
        if added.returncode:
            pytest.skip(f"no VXLAN here: {added.stderr.strip()}")
        host.run("sysctl", "-qw", "net.ipv6.conf.vxlan0.router_solicitations=0")
        host.ip("link", "set", "vxlan0", "addrgenmode", "none")
        for version, length in ((4, 24), (6, 64)):
            nodad = ["nodad"] if version == 6 else []
            host.ip("addr", "add", f"{address_of(version, end, True)}/{length}", "dev", "vxlan0", *nodad)
        host.ip("link", "set", "vxlan0", "up")
        for version in (4, 6):
            host.ip("neigh", "replace", address_of(version, 3 - end, True), "lladdr", f"02:00:00:02:00:0{3 - end}",
                    "dev", "vxlan0", "nud", "permanent")


def set_largest_buffer(host, version, size):
    """By netlink itself: `ip` learnt the words for IPv4 later than kernels did."""
    attributes = b"".join(struct.pack("=HHI", 8, kind, size) for kind in BIG_TCP[version])
    with host.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asker:
        with host:
            index = socket.if_nametoindex("veth0")
        body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + attributes
        asker.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
        error = struct.unpack_from("=i", asker.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))


@pytest.mark.parametrize("version", [4, 6])
def test_buffers_over_64_kilobytes(bench, version):
    """BIG TCP: IPv4's length is 0 then, and IPv6 has a header in the buffer that is on no wire."""
    for host in bench.pair:
        try:
            set_largest_buffer(host, version, 200000)
        except OSError as error:
            pytest.skip(f"no BIG TCP of IPv{version} here: {error}")
    set_offloads(bench.pair, "on", "on", "on")
    size, largest = 20_000_000, 0
    transfer_tcp(bench.near, bench.far, version, PORT, size)
    for count in bench.check(socket.IPPROTO_TCP, PORT, "TCP", "big").values():
        assert count.payload - count.repeated == size
        largest = max(largest, count.largest)
    if largest <= 65535 + 14:
        pytest.skip(f"the largest buffer had {largest} bytes: TCP made none over 64 KiB")


def test_merged_gaps_are_told(pair, monitor):
    """Of the gaps of the packets of a buffer all are 0, and the record says how many were so."""
    near, far = pair
    without_noise(*pair)
    set_offloads(pair, "off", "on", "off")
    watched = {near: monitor("-i", "veth0", "-t", "0.2", "--json", host=near),
               far: monitor("-i", "veth0", "-t", "0.2", "--json", host=far)}
    segments, times = 20, 50
    with receiver(far, PORT):
        transfer_udp(near, 4, PORT, 1000, segments, times)
    for host, merged in ((near, (segments - 1) * times), (far, 0)):
        watched[host].settle()
        watched[host].stop()
        gaps = [record["interarrival"] for record in map(json.loads, watched[host].output.read_text().splitlines())
                if record["type"] == "flow" and record["dport"] == PORT]
        assert sum(gap["count"] for gap in gaps) == segments * times - 1
        assert sum(gap["merged"] for gap in gaps) == merged


# --- the residual: the interface's own counters ---


def residuals(monitor):
    monitor.settle()
    return {(labels["interface"], labels["direction"]): value
            for labels, value in monitor.metrics()["flowgauge_ledger_residual_packets"]}


def test_residual_of_plain_traffic(pair, monitor):
    near, far = pair
    without_noise(*pair)
    set_offloads(pair, "off", "off", "off")
    with receiver(far, PORT):
        near.send_udp("10.1.0.2", PORT, count=500, size=100)
        watched = monitor("-i", "veth0", "-t", "0.1")
        assert residuals(watched) == {("veth0", "ingress"): 0, ("veth0", "egress"): 0}
        near.send_udp("10.1.0.2", PORT, count=2000, size=100)
    transfer_tcp(near, far, 4, PORT, TCP_BYTES)
    assert residuals(watched) == {("veth0", "ingress"): 0, ("veth0", "egress"): 0}
    assert watched.totals("veth0", "ingress")["seen"]["packets"] > 2000
    assert watched.totals("veth0", "ingress")["residual_packets"] == 0


def test_residual_of_buffers_that_the_device_counts_once(pair, monitor):
    """veth and the loopback count buffers, the monitor packets: the residual is what was merged, below 0."""
    near, far = pair
    without_noise(*pair)
    set_offloads(pair, "off", "on", "on")
    watched = monitor("-i", "veth0,lo", "-t", "0.1", "--direction", "both", host=near)
    with receiver(far, PORT), receiver(near, PORT), near.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        transfer_udp(near, 4, PORT, 1000, 20, 50)
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
        for _ in range(30):
            sender.sendto(bytes(5000), ("127.0.0.1", PORT))
    # The loopback is seen twice, as it leaves and as it comes in, and counts both, too. The page is read over it.
    loopback = sum(flow["packets"] for flow in watched.flows(interface="lo", dport=PORT, direction="ingress"))
    assert loopback == 5 * 30
    assert residuals(watched)[("veth0", "egress")] == -19 * 50
    assert watched.totals("veth0", "egress")["seen"]["packets"] == 20 * 50


def test_residual_of_the_loopback(pair, monitor_of):
    """What the loopback carries is seen as it leaves and as it comes in; its counters have both."""
    near, _ = pair
    watched = monitor_of(near, "-i", "lo", "-t", "0.1", "--json", port=0)
    with receiver(near, PORT):
        near.send_udp("127.0.0.1", PORT, count=300, size=100)
    wait_for(lambda: len(totals_of(watched)) == 2 and all(
        (total["seen"]["packets"], total["residual_packets"]) == (300, 0) for total in totals_of(watched).values()),
        "all that was sent is seen on both sides of the loopback, and nothing else")


def totals_of(monitor):
    """The newest totals on standard output, by direction."""
    lines = monitor.output.read_text().splitlines(keepends=True)
    totals = [json.loads(line) for line in lines if line.startswith('{"type":"total"') and line.endswith("\n")]
    return {total["direction"]: total for total in totals}
