#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire that delays: delay_relay.py NEAR FAR hands frames from one interface to the other, in order, each late by what was asked.

Standard input has one line a phase, a JSON array of delays in seconds: the frames from NEAR take them in turn, those from
FAR are not delayed. When it ends, the phases are printed: for each, {KIND: {"near": [seconds], "far": [seconds]}}, by what
kind of frame, what was really added to the frames from each side: from the kernel's stamp of the arrival to just before the frame
was handed on. A frame belongs to the phase in which it came. KIND is icmp, icmp6, and for IPv4 and IPv6 each, data4 (with payload
from near, pure acknowledgements from far) and syn4 (SYN, SYN-ACK); other frames are not told of.
"""
import collections
import json
import os
import select
import socket
import struct
import sys
import time

ETH_P_ALL, SO_TIMESTAMPNS = 3, 35
FIN, SYN, ACK = 1, 2, 16


def kind_of(frame, side):
    """What a frame is to the test; None of what it is not about."""
    ether = struct.unpack_from("!H", frame, 12)[0]
    if ether == 0x0800:
        protocol, start, family, end = frame[23], 14 + (frame[14] & 15) * 4, "4", 14 + struct.unpack_from("!H", frame, 16)[0]
    elif ether == 0x86DD:
        protocol, start, family, end = frame[20], 54, "6", 54 + struct.unpack_from("!H", frame, 18)[0]
    else:
        return None
    if protocol in (1, 58):
        echo = frame[start] in ((8, 128) if side == 0 else (0, 129))
        return (("icmp" if protocol == 1 else "icmp6") if echo else None)
    if protocol != 6:
        return None
    flags, payload = frame[start + 13], end - start - (frame[start + 12] >> 4) * 4
    if flags & SYN:
        return "syn" + family if bool(flags & ACK) == (side == 1) else None
    if flags & FIN or bool(payload) == (side == 1):
        return None
    return "data" + family


class Side:
    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        self.queue = collections.deque()
        self.last = 0.0

    def receive(self):
        """(frame, time of arrival); None if nothing is there. Frames that this host sends are not what the wire carries."""
        while True:
            try:
                frame, ancillary, _, address = self.socket.recvmsg(65536, 64)
            except BlockingIOError:
                return None
            if address[2] == 4:  # PACKET_OUTGOING
                continue
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                    seconds, nanoseconds = struct.unpack("qq", data[:16])
                    return frame, seconds * 10**9 + nanoseconds
            return frame, time.time_ns()


def main():
    sides = [Side(name) for name in sys.argv[1:3]]
    print("ready", flush=True)
    delays, turn, phases, words = [0.0], 0, [], b""
    while True:
        due = min((side.queue[0][0] for side in sides if side.queue), default=None)
        wait = None if due is None else max(0.0, (due - time.time_ns()) / 1e9)
        readable = select.select([*(side.socket for side in sides), sys.stdin], [], [], wait)[0]
        for number, side in enumerate(sides):
            while (got := side.receive()):
                frame, arrived = got
                kind = kind_of(frame, number)
                delay = 0.0
                if number == 0:
                    delay = delays[turn % len(delays)]
                    turn += 1 if kind else 0
                release = max(side.last, arrived + int(delay * 1e9))
                side.last = release
                side.queue.append((release, frame, arrived, kind, len(phases) - 1))
        for number, side in enumerate(sides):
            while side.queue and side.queue[0][0] <= time.time_ns():
                _, frame, arrived, kind, phase = side.queue.popleft()
                now = time.time_ns()
                sides[1 - number].socket.send(frame)
                if kind and phase >= 0:
                    phases[phase].setdefault(kind, {"near": [], "far": []})["near" if number == 0 else "far"].append(
                        (now - arrived) / 1e9)
        if sys.stdin in readable:
            read = os.read(0, 65536)
            if not read:
                break
            words += read
            while b"\n" in words:
                line, words = words.split(b"\n", 1)
                delays, turn = json.loads(line), 0
                phases.append({})
                print("phase", flush=True)
    print(json.dumps(phases), flush=True)


main()
