# SPDX-License-Identifier: BSD-2-Clause
"""Packets that no socket of the kernel's would send: tags, unusual protocols, headers that lie."""
import socket
import struct


def ipv4_packet(protocol, payload, src="10.1.0.1", dst="10.1.0.2", length=None):
    """Checksums are left out: a watcher does not judge them, and these packets are for nobody else."""
    length = 20 + len(payload) if length is None else length
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    return struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, protocol, 0) + ends + payload


def udp_packet(sport, dport, size, **ends):
    return ipv4_packet(socket.IPPROTO_UDP, struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size), **ends)


def ethernet_frame(payload, ethertype=0x0800, tags=()):
    """A frame over veth0, with tags of (EtherType, VLAN id), the outermost first."""
    link = b"".join(struct.pack("!HH", *tag) for tag in tags)
    return bytes.fromhex("020000010002 020000010001") + link + struct.pack("!H", ethertype) + payload


def send_frames(host, frames):
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        with host:
            sender.bind(("veth0", 0))
        for frame in frames:
            sender.send(frame)
