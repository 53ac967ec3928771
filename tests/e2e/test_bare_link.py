# SPDX-License-Identifier: BSD-2-Clause
"""A device without a link header: a TUN device, whose other end is this test."""
import fcntl
import os
import socket
import struct

import pytest

from hosts import FLOWGAUGE, namespaces
from packets import ipv4_packet, udp_packet

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PORT = 5001


@pytest.fixture
def tunnel(able):
    """(host, descriptor): packets written to the descriptor come in on tun0, 10.5.0.1, of the host."""
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("/dev/net/tun is not here: the kernel has no TUN devices")
    with namespaces(1) as (host,):
        with host:
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        try:
            with host:
                fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
            host.run("sysctl", "-qw", "net.ipv6.conf.tun0.router_solicitations=0")
            host.ip("link", "set", "tun0", "addrgenmode", "none")
            host.ip("addr", "add", "10.5.0.1/24", "dev", "tun0")
            host.ip("addr", "add", "fd00:5::1/64", "dev", "tun0", "nodad")
            host.ip("link", "set", "tun0", "up")
            yield host, descriptor
        finally:
            os.close(descriptor)


def ipv6_udp(size):
    ends = socket.inet_pton(socket.AF_INET6, "fd00:5::2") + socket.inet_pton(socket.AF_INET6, "fd00:5::1")
    header = struct.pack("!IHBB", 6 << 28, 8 + size, socket.IPPROTO_UDP, 64)
    return header + ends + struct.pack("!HHHH", 4001, PORT, 8 + size, 0) + bytes(size)


def test_tun(tunnel, monitor_of):
    host, descriptor = tunnel
    watched = monitor_of(host, "-i", "tun0", "-t", "0.2")
    status = watched.json("/api/v1/status")["interfaces"][0]
    assert (status["name"], status["attached"]) == ("tun0", True)
    ends = {"src": "10.5.0.2", "dst": "10.5.0.1"}
    before = host.counters("tun0")
    whole, gre = udp_packet(4001, PORT, 300, **ends), ipv4_packet(47, bytes(30), **ends)
    for packet, count in ((whole, 50), (ipv6_udp(200), 40), (gre, 30), (whole[:24], 20)):
        for _ in range(count):
            os.write(descriptor, packet)
    host.send_udp("10.5.0.2", PORT, count=60, size=100, source=4002)

    came = {(flow["src"], flow["protocol"]): (flow["packets"], flow["bytes"], flow["payload_bytes"])
            for flow in watched.flows(direction="ingress")}
    # The frame on the wire is the IP packet: there is no header before it.
    assert came[("10.5.0.2", "UDP")] == (50, 50 * (20 + 8 + 300), 50 * 300)
    assert came[("fd00:5::2", "UDP")] == (40, 40 * (40 + 8 + 200), 40 * 200)
    assert sum(packets for packets, _, _ in came.values()) == 120
    assert sum(size for _, size, _ in came.values()) == 50 * 328 + 40 * 248 + 30 * 50
    total = watched.totals("tun0", "ingress")
    assert total["unparsed"] == {"packets": 20, "bytes": 20 * 24}
    after = host.counters("tun0")
    assert total["seen"] == {unit: after["rx"][unit] - before["rx"][unit] for unit in ("packets", "bytes")}

    went = watched.flow(direction="egress", dst="10.5.0.2", dport=PORT, protocol="UDP")
    assert (went["packets"], went["bytes"], went["payload_bytes"]) == (60, 60 * (20 + 8 + 100), 60 * 100)
    assert (went["vlan"], went["sport"]) == ([], 4002)
    watched.stop()
    assert host.programs("tun0") == 0


def test_xdp_is_refused_without_a_link_header(tunnel, place):
    host, _ = tunnel
    words = ("-i", "tun0", "--hook", "xdp", "--control", place / "c.sock", "--duration", "5")
    result = host.run(FLOWGAUGE, *words, check=False)
    assert result.returncode == 1
    assert result.stderr == "flowgauge: cannot watch tun0 by XDP: it has no link header: use --hook tc\n"
    assert host.programs("tun0") == 0
