# SPDX-License-Identifier: BSD-2-Clause
"""Capture files: writing them, and what flowgauge --read and an independent reader (tshark) make of them."""
import collections
import json
import os
import pathlib
import struct
import subprocess

import hosts

SHARED = hosts.ROOT.parent / "shared"
CAPTURES = pathlib.Path(os.environ.get("FLOWGAUGE_CAPTURES", SHARED / "pcaps"))
TRUTH = pathlib.Path(os.environ.get("FLOWGAUGE_PCAP_TRUTH", SHARED / "truth" / "pcap_truth"))

ETHERNET, RAW, IPV4_ONLY, IPV6_ONLY, COOKED = 1, 101, 228, 229, 113
FORMS = ("pcap_us", "pcap_ns", "pcapng_us", "pcapng_ns")
SECOND = 10**9
PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "SCTP": 132}
KEY = ("src", "dst", "sport", "dport", "protocol")

Frame = collections.namedtuple("Frame", "time_ns bytes wire")  # wire: bytes that were on the wire


def frame(time_ns, data, captured=None):
    """A frame of which the capture holds the first `captured` bytes."""
    return Frame(time_ns, data[:captured], len(data))


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def pcapng(frames, link, unit):
    option = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0) if unit == 1 else b""  # if_tsresol: nanoseconds
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 262144) + option)
    for each in frames:
        time = each.time_ns // unit
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(each.bytes), each.wire)
        out += block(6, head + each.bytes)
    return out


def pcap(frames, link, unit):
    out = struct.pack("<IHHIIII", 0xA1B23C4D if unit == 1 else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for each in frames:
        seconds, rest = divmod(each.time_ns, SECOND)
        out += struct.pack("<IIII", seconds, rest // unit, len(each.bytes), each.wire) + each.bytes
    return out


def capture(frames, link=ETHERNET, form="pcap_us"):
    unit = 1 if form.endswith("_ns") else 1000
    return (pcapng if form.startswith("pcapng") else pcap)(frames, link, unit)


Flow = collections.namedtuple("Flow", "packets bytes payload_bytes gaps")  # gaps: (count, mean, stddev); None: not to be told
Reading = collections.namedtuple("Reading", "flows total result")


def read(path, config, *words, **options):
    """flowgauge --read PATH --json: its flows, with those of several tags made one, and its ledger."""
    command = [str(word) for word in (hosts.FLOWGAUGE, "-c", config, "--read", path, "--json", *words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=hosts.PATIENCE, **options)
    flows, total = {}, None
    for line in result.stdout.splitlines():
        record = json.loads(line)
        if record["type"] == "total":
            total = hosts.balanced(record)
        elif record["type"] == "flow":
            key = tuple(PROTOCOLS.get(record[name], record[name]) if name == "protocol" else record[name] for name in KEY)
            gap = record["interarrival"]
            gaps = (gap["count"], gap["mean_seconds"] or 0, gap["stddev_seconds"] or 0)
            counts = [record["packets"], record["bytes"], record["payload_bytes"]]
            if key in flows:
                counts, gaps = [mine + more for mine, more in zip(flows[key][:3], counts)], None
            flows[key] = Flow(*counts, gaps)
    return Reading(flows, total, result)


def truth(path):
    """The flows that the independent reader finds."""
    out = subprocess.run([str(TRUTH), str(path)], capture_output=True, text=True, check=True, timeout=hosts.PATIENCE).stdout
    flows = {}
    for line in out.splitlines():
        record = json.loads(line)
        flows[tuple(record[name] for name in KEY)] = Flow(record["packets"], record["bytes"], record["payload_bytes"],
                                                          (record["iat_n"], record["iat_mean"], record["iat_stddev"]))
    return flows


def near(ours, theirs):
    return abs(ours - theirs) <= max(1e-6, 1e-3 * abs(theirs))


def same(ours, theirs):
    if not ours or not theirs or ours[:3] != theirs[:3]:
        return False
    return ours.gaps is None or (ours.gaps[0] == theirs.gaps[0] and all(map(near, ours.gaps[1:], theirs.gaps[1:])))


def differences(path, config):
    """Lines, one for each flow that is not told alike; none if all are, and the ledger adds up to the whole file."""
    ours, theirs = read(path, config), truth(path)
    if ours.result.returncode or ours.total is None:
        return [f"{path}: status {ours.result.returncode}: {ours.result.stderr.strip()}"]
    lines = [f"{path}: {key}: {ours.flows.get(key)}, and by tshark {theirs.get(key)}"
             for key in sorted(set(ours.flows) | set(theirs)) if not same(ours.flows.get(key), theirs.get(key))]
    counted = [sum(flow[i] for flow in ours.flows.values()) for i in (0, 1)]
    if counted != [ours.total["flows"][unit] for unit in ("packets", "bytes")]:
        lines.append(f"{path}: the flows have {counted}, the ledger {ours.total['flows']}")
    return lines
