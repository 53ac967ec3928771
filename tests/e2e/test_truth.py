# SPDX-License-Identifier: BSD-2-Clause
"""--read against an independent reader, flow by flow: real captures, made ones of every shape, and where the two differ."""
import concurrent.futures
import itertools
import os
import random
import shutil
import time

import pytest

import captures

pytest.importorskip("scapy", reason="no scapy: the captures are made with it")
import shapes  # noqa: E402: needs scapy

EACH = 26  # captures of each kind
LINK = bytes.fromhex("020000000002020000000001")
IP6_ENDS = bytes.fromhex("20010db8000000000000000000000001 20010db8000000000000000000000002")


@pytest.fixture(scope="module", autouse=True)
def reader(able):
    if not captures.TRUTH.exists():
        pytest.skip(f"no {captures.TRUTH}: FLOWGAUGE_PCAP_TRUTH names the independent reader")
    if not shutil.which("tshark"):
        pytest.skip("no tshark: it is the independent reader")


@pytest.fixture
def config(place):
    path = place / "config.json"
    path.write_text("{}")
    return path


def compare(paths, config):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda path: captures.differences(path, config), paths))
    lines = list(itertools.chain(*found))
    assert not lines, "\n".join(lines[:20])


def test_real_captures(config):
    paths = sorted(captures.CAPTURES.glob("*.pcap*"))
    if not paths:
        pytest.skip(f"no captures in {captures.CAPTURES}: FLOWGAUGE_CAPTURES names their directory")
    compare(paths, config)


@pytest.mark.parametrize("kind", shapes.Shapes.KINDS, ids=lambda kind: kind.__name__)
def test_made_captures(kind, config, place):
    seed = int(os.environ.get("FLOWGAUGE_SEED", time.time_ns() % 2**32))
    print(f"FLOWGAUGE_SEED={seed}")
    maker = shapes.Shapes(random.Random(f"{seed} {kind.__name__}"))
    paths = []
    for number in range(EACH):
        link, frames = kind(maker)
        form = captures.FORMS[number % len(captures.FORMS)]
        paths.append(place / f"{number}.{form}")
        paths[-1].write_bytes(captures.capture(frames, link, form))
    compare(paths, config)


# --- where the two differ, and why: docs/metrics.md ---

def ipv6(following, payload, length=None):
    head = b"\x60\0\0\0" + (len(payload) if length is None else length).to_bytes(2, "big") + bytes((following, 64))
    return LINK + b"\x86\xdd" + head + IP6_ENDS + payload


def ipv4(protocol, payload, options=b""):
    length = 20 + len(options) + len(payload)
    return LINK + b"\x08\x00" + bytes((0x45 + len(options) // 4, 0)) + length.to_bytes(2, "big") + bytes(4) + \
        bytes((64, protocol, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2)) + options + payload


UDP = bytes.fromhex("1388 1770 0012 0000") + bytes(10)
DESTINATION = bytes.fromhex("11 00 01 04 00000000")  # options, then UDP
# What, the frame, how much of it was captured, ours and tshark's (sport, dport, protocol, payload bytes); None: no flow.
DIFFERENCES = (
    ("cut inside a destination header: the chain's last known protocol", ipv6(60, DESTINATION + UDP), 55,
     (0, 0, 60, 26), (0, 0, 0, 26)),
    ("cut in front of a destination header", ipv6(60, DESTINATION + UDP), 54, (0, 0, 60, 26), (0, 0, 0, 26)),
    ("cut inside a fragment header", ipv6(44, bytes.fromhex("11 00 00 01 00000007") + UDP), 60, (0, 0, 44, 26), (0, 0, 0, 18)),
    ("one kind of extension header twice", ipv6(60, b"\x3c" + DESTINATION[1:] + DESTINATION + UDP), None,
     (5000, 6000, 17, 10), (0, 0, 60, 18)),
    ("no length and no jumbo option", ipv6(44, bytes.fromhex("11 00 00 00 00000007") + UDP, length=0), None,
     (0, 0, 44, 0), (0, 0, 0, 0)),
    ("cut inside IPv4 options", ipv4(17, UDP, options=b"\x94\x04\0\0\x01\x01\x01\x01"), 36, (0, 0, 17, 10), None),
    ("an MPLS label in front of IP", LINK + bytes.fromhex("8847 00012140") + ipv4(17, UDP)[14:], None,
     (5000, 6000, 17, 10), None),
    ("PPPoE in front of IP", LINK + bytes.fromhex("8864 1100 0001 0028 0021") + ipv4(17, UDP)[14:], None,
     (5000, 6000, 17, 10), None),
)


@pytest.mark.parametrize("what, data, captured, ours, theirs", DIFFERENCES, ids=[case[0] for case in DIFFERENCES])
def test_explained_differences(what, data, captured, ours, theirs, config, place):
    path = place / "one.pcap"
    path.write_bytes(captures.capture([captures.frame(captures.SECOND, data, captured)]))

    def told(flows):
        assert len(flows) <= 1, what
        return next(((*key[2:], flow.payload_bytes) for key, flow in flows.items()), None)

    reading = captures.read(path, config)
    assert reading.result.returncode == 0
    assert told(reading.flows) == ours
    assert told(captures.truth(path)) == theirs, "tshark has changed its mind: see docs/metrics.md"
    assert reading.total["seen"] == {"packets": 1, "bytes": len(data)}


def fragment(offset_and_more, payload=UDP[:16]):
    return ipv6(44, b"\x11\0" + offset_and_more.to_bytes(2, "big") + b"\0\0\0\7" + payload)


def packets_of(flows):
    return {key[2:]: flow.packets for key, flow in flows.items()}


def test_fragment_after_a_minute(config, place):
    """Nobody reassembles a datagram for longer than 60 s (RFC 8200, 4.5): a later fragment is then of another one."""
    parts = (1, fragment(1)), (60, fragment(16)), (62, fragment(16))
    path = place / "late.pcap"
    path.write_bytes(captures.capture([captures.frame(second * captures.SECOND, part) for second, part in parts]))
    assert packets_of(captures.read(path, config).flows) == {(5000, 6000, 17): 2, (0, 0, 17): 1}
    assert packets_of(captures.truth(path)) == {(5000, 6000, 17): 3}


def test_atomic_fragment(config, place):
    """A datagram in one fragment is nobody's first one (RFC 6946), also if it has another datagram's identification."""
    parts = fragment(1), fragment(0, b"\x13\x89" + UDP[2:]), fragment(16)
    path = place / "atomic.pcap"
    path.write_bytes(captures.capture([captures.frame((1 + i) * 1000, part) for i, part in enumerate(parts)]))
    assert packets_of(captures.read(path, config).flows) == {(5000, 6000, 17): 2, (5001, 6000, 17): 1}
    assert packets_of(captures.truth(path)) == {(5000, 6000, 17): 1, (5001, 6000, 17): 2}


def test_time_far_backwards(config, place):
    """A clock that goes back by more than 2 s starts the measure anew; the independent reader takes it for a gap."""
    times = (10, 11, 12, 5, 6, 8)
    path = place / "backwards.pcap"
    path.write_bytes(captures.capture([captures.frame(second * captures.SECOND, ipv4(17, UDP)) for second in times]))
    key = ("10.9.0.1", "10.9.0.2", 5000, 6000, 17)
    count, mean, _ = captures.read(path, config).flows[key].gaps
    assert (count, mean) == (2, pytest.approx(1.5))
    count, mean, _ = captures.truth(path)[key].gaps
    assert (count, mean) == (5, pytest.approx(-0.4))
