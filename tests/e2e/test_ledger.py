# SPDX-License-Identifier: BSD-2-Clause
"""The ledger against what was sent: every packet in one place, at any load, by any hook, with the table full."""
import socket

import pytest

from hosts import OUTCOMES, UDP_OVERHEAD, receiver, wait_for, without_noise
from packets import ethernet_frame, ipv4_packet, send_frames, udp_packet

PORT = 5001
MILLIONS = 5_000_000


def test_five_million_packets(pair, monitor):
    """As fast as the two cores go. What the link itself had no room for, it counts, and nobody saw."""
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "1", "--direction", "in")
    before = {host: host.counters("veth0") for host in pair}
    with receiver(far, PORT):
        sent = near.send_udp("10.1.0.2", PORT, count=MILLIONS, size=32, source=4001)
    total = watched.totals("veth0", "ingress")
    flow = watched.flow(dport=PORT)
    after = {host: host.counters("veth0") for host in pair}
    arrived = after[far]["rx"]["packets"] - before[far]["rx"]["packets"]
    dropped = after[near]["tx"]["dropped"] - before[near]["tx"]["dropped"]
    assert (sent["packets"], arrived + dropped) == (MILLIONS, MILLIONS)
    assert arrived > MILLIONS / 2, "a link that loses half shows little"
    frame = 32 + UDP_OVERHEAD[4]
    assert total["seen"] == {"packets": arrived, "bytes": arrived * frame}
    assert total["seen"]["bytes"] == after[far]["rx"]["bytes"] - before[far]["rx"]["bytes"]
    assert total["flows"] == total["seen"]
    assert (flow["packets"], flow["bytes"], flow["payload_bytes"]) == (arrived, arrived * frame, arrived * 32)


def test_five_million_packets_where_they_leave(pair, monitor):
    """At the sender's own interface none is lost before it is seen: seen = sent, to the byte."""
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "1", "--direction", "out", host=near)
    with receiver(far, PORT):
        near.send_udp("10.1.0.2", PORT, count=MILLIONS, size=32, source=4001)
    total = watched.totals("veth0", "egress")
    flow = watched.flow(dport=PORT)
    frame = 32 + UDP_OVERHEAD[4]
    assert total["seen"] == total["flows"] == {"packets": MILLIONS, "bytes": MILLIONS * frame}
    assert (flow["packets"], flow["bytes"], flow["payload_bytes"]) == (MILLIONS, MILLIONS * frame, MILLIONS * 32)


def test_more_flows_than_there_is_room(pair, monitor):
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", "--max-flows", "100")
    ports, rounds, size = 400, 25, 100
    with receiver(far, PORT, count=ports):
        near.send_udp("10.1.0.2", PORT, count=ports * rounds, size=size, ports=ports, source=4001)
    total = watched.totals("veth0", "ingress")
    frame = size + UDP_OVERHEAD[4]
    assert total["seen"] == {"packets": ports * rounds, "bytes": ports * rounds * frame}
    assert total["overflow"]["packets"] > 0
    for unit in ("packets", "bytes"):
        assert total["seen"][unit] == total["flows"][unit] + total["overflow"][unit]
    assert total["unaccounted_packets"] == 0
    assert all(flow["packets"] <= rounds for flow in watched.flows())
    # A table that is nearly full is brought down to three quarters; what the flows had stays in the sums.
    wait_for(lambda: watched.metrics()["flowgauge_flows"][0][1] <= 75, "some made room")
    metrics = watched.metrics()
    assert sum(value for _, value in metrics["flowgauge_flow_packets_total"]) == total["flows"]["packets"]
    assert sum(value for _, value in metrics["flowgauge_flow_bytes_total"]) == total["flows"]["bytes"]
    assert metrics["flowgauge_flows_limit"][0][1] == 100
    assert {labels["reason"]: value > 0 for labels, value in metrics["flowgauge_flows_freed_total"]} == {
        "idle": False, "pressure": True}


def test_idle_flows_stay_in_the_totals(pair, monitor):
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", config={"idle_timeout_seconds": 1})
    with receiver(far, PORT, count=2):
        near.send_udp("10.1.0.2", PORT, count=500, size=100, source=4001)
        # The other flow goes on until the first has left.
        near.send_udp("10.1.0.2", PORT + 1, count=30, size=100, source=4001, gap_us=100000)
    assert [flow["dport"] for flow in watched.flows()] == [PORT + 1]
    assert watched.totals("veth0", "ingress")["flows"] == {"packets": 530, "bytes": 530 * (100 + UDP_OVERHEAD[4])}
    # The series of flows that are gone go on in the set of the others: the sum never falls.
    assert sum(value for _, value in watched.metrics()["flowgauge_flow_packets_total"]) == 530


# --- the same by every hook ---


def odd_frames():
    """Frames of every outcome, and of every link header that may be."""
    yield from [ethernet_frame(udp_packet(4002, PORT, 100), tags=[(0x8100, 7)])] * 11
    yield from [ethernet_frame(udp_packet(4002, PORT, 100), tags=[(0x88a8, 100), (0x8100, 200)])] * 12
    yield from [ethernet_frame(bytes(46), ethertype=0x88cc)] * 13
    yield from [ethernet_frame(ipv4_packet(socket.IPPROTO_UDP, bytes(20), length=2000))] * 14
    yield from [ethernet_frame(ipv4_packet(socket.IPPROTO_TCP, bytes(4)))] * 15
    yield from [ethernet_frame(ipv4_packet(89, bytes(44)))] * 16  # OSPF: no ports
    yield from [ethernet_frame(udp_packet(4003, PORT + 1, 100))] * 17  # no rule wants it


@pytest.mark.parametrize("hook", ["tc", "clsact", "xdp", "xdp-generic"])
def test_every_hook_gives_the_same(pair, monitor, hook):
    near, far = pair
    without_noise(*pair)
    config = {"RULES": [f"- - - {PORT} UDP", "- - - - 89"]}
    watched = monitor("-i", "veth0", "-t", "0.2", "--hook", hook, "--direction", "in", config=config)
    interface = watched.json("/api/v1/status")["interfaces"][0]
    assert interface["ingress"]["hook"] in {"tc": ("tcx", "clsact")}.get(hook, (hook,))
    assert interface["egress"]["hook"] == "none"
    with receiver(far, PORT):
        for size in (0, 1, 18, 500, 1472):
            near.send_udp("10.1.0.2", PORT, count=2000, size=size, source=4001)
    send_frames(near, odd_frames())
    total = watched.totals("veth0", "ingress")
    flows = {(flow["protocol"], tuple(flow["vlan"])): (flow["packets"], flow["bytes"], flow["payload_bytes"])
             for flow in watched.flows()}

    payload = 2000 * (0 + 1 + 18 + 500 + 1472)
    assert flows == {
        ("UDP", ()): (10000, payload + 10000 * UDP_OVERHEAD[4], payload),
        ("UDP", (7,)): (11, 11 * (100 + UDP_OVERHEAD[4] + 4), 1100),
        ("UDP", (100, 200)): (12, 12 * (100 + UDP_OVERHEAD[4] + 8), 1200),
        (89, ()): (16, 16 * (14 + 20 + 44), 16 * 44),
    }
    expected = {"flows": 10039, "overflow": 0, "filtered": 17, "unparsed": 14 + 15, "non_ip": 13}
    assert {outcome: total[outcome]["packets"] for outcome in OUTCOMES} == expected
    assert total["non_ip"]["bytes"] == 13 * 60
    # The sender knows; the interface's own counters leave the link header out where native XDP is on a veth.
    odd = [len(frame) for frame in odd_frames()]
    assert total["seen"] == {"packets": 10000 + len(odd), "bytes": payload + 10000 * UDP_OVERHEAD[4] + sum(odd)}
