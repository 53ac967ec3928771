#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hosts behind a TUN device that answer pings as told: echo_relay.py DEVICE '{"10.7.0.2": {"delay": 0.02}, …}'.

Of an address: delay (s), drop (of each ten pings, these, as in [0, 5]), twice (a second reply), hold (each other reply is held by
so many seconds more), source (the reply comes from there), error ([type, code]: sent by `router`, with `quote` bytes of the
ping's ICMP message), forge (the payload's last tag byte is changed). When standard input ends, what happened is printed:
{"ADDRESS": {"pings": N, "replies": N, "held": the least seconds from the ping's arrival to its reply}}.
"""
import fcntl
import heapq
import ipaddress
import json
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
ECHO = {4: (8, 0), 6: (128, 129)}
ICMP = {4: 1, 6: 58}


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, target, icmp):
    """An IP packet with a message whose checksum is made here."""
    icmp = icmp[:2] + b"\0\0" + icmp[4:]
    if source.version == 4:
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, ICMP[4], 0) + source.packed + target.packed
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + icmp
    pseudo = source.packed + target.packed + struct.pack("!II", len(icmp), ICMP[6])
    icmp = icmp[:2] + struct.pack("!H", checksum(pseudo + icmp)) + icmp[4:]
    return struct.pack("!IHBB", 6 << 28, len(icmp), ICMP[6], 64) + source.packed + target.packed + icmp


def parse(data):
    """(source, destination, IP header, ICMP message) of an echo request; None of anything else."""
    version = data[0] >> 4
    if version == 4:
        length = (data[0] & 15) * 4
        protocol, source, target = data[9], data[12:16], data[16:20]
    else:
        length, protocol, source, target = 40, data[6], data[8:24], data[24:40]
    if protocol != ICMP[version] or data[length] != ECHO[version][0]:
        return None
    return ipaddress.ip_address(source), ipaddress.ip_address(target), data[:length], data[length:]


def answers(words, number, source, target, header, icmp):
    """(seconds from now, packet) of each answer to a ping, the `number`-th to its address."""
    delay = words.get("delay", 0) + (words.get("hold", 0) if number % 2 == 0 else 0)
    if number % 10 in words.get("drop", ()):
        return
    if "error" in words:
        kind, code = words["error"]
        quoted = header + icmp[:words.get("quote", 64)]
        yield delay, packet(ipaddress.ip_address(words["router"]), source, bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quoted)
        return
    reply = bytes([ECHO[source.version][1]]) + icmp[1:]
    if words.get("forge"):
        reply = reply[:23] + bytes([reply[23] ^ 1]) + reply[24:]
    made = packet(ipaddress.ip_address(words.get("source", target)), source, reply)
    yield delay, made
    if words.get("twice"):
        yield delay, made


def main():
    device, told = sys.argv[1], json.loads(sys.argv[2])
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    print("ready", flush=True)
    due, counts, order = [], {}, 0
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else None
        readable = select.select([tun, sys.stdin], [], [], wait)[0]
        now = time.monotonic()
        while due and due[0][0] <= time.monotonic():
            _, _, arrived, address, made = heapq.heappop(due)
            os.write(tun, made)
            counts[address]["replies"] += 1
            counts[address]["held"].append(time.monotonic() - arrived)
        if tun in readable:
            parsed = parse(os.read(tun, 65536))
            if parsed and str(parsed[1]) in told:
                address = str(parsed[1])
                count = counts.setdefault(address, {"pings": 0, "replies": 0, "held": []})
                for delay, made in answers(told[address], count["pings"], *parsed):
                    order += 1
                    heapq.heappush(due, (now + delay, order, now, address, made))
                count["pings"] += 1
        if sys.stdin in readable and not sys.stdin.readline():
            break
    for count in counts.values():
        count["held"] = min(count["held"]) if count["held"] else None
    print(json.dumps(counts), flush=True)


main()
