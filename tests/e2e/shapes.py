# SPDX-License-Identifier: BSD-2-Clause
"""Frames of every shape that networks send, and of some that they should not, from one seeded random number generator."""
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether, GRE, LLC, SNAP
from scapy.layers.sctp import SCTP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

import captures

ENDS = ("10.9.0.1", "10.9.0.2", "192.0.2.77")
ENDS6 = ("2001:db8::1", "2001:db8::2", "fe80::77")
OTHERS = (2, 4, 41, 46, 50, 88, 89, 94, 97, 103, 112, 115, 136, 139, 140, 253, 255)  # IP protocols that are not looked into
IPV4_OPTIONS = (b"", b"\x94\x04\x00\x00", b"\x07\x07\x04\x00\x00\x00\x00\x00", b"\x44\x0c\x05\x00" + bytes(8), b"\x01" * 4)
EXTENSIONS = {0: IPv6ExtHdrHopByHop, 60: IPv6ExtHdrDestOpt, 43: IPv6ExtHdrRouting, 44: IPv6ExtHdrFragment, 51: AH}


class Shapes:
    def __init__(self, random):
        self.random = random
        self.time_ns = 1_600_000_000 * captures.SECOND
        self.ident = 0

    def later(self):
        """Mostly soon, now and then after more than the 2 s that end a measure."""
        step = self.random.choice((0, 1000, 999_000, 12_345_000, 400_000_000, self.random.randrange(3 * captures.SECOND)))
        self.time_ns += step // 1000 * 1000
        return self.time_ns

    def soon(self):
        self.time_ns += self.random.randrange(20_000) * 1000
        return self.time_ns

    def payload(self):
        return self.random.randbytes(self.random.choice((0, 0, 1, 5, 18, 64, 333, 1200)))

    def ports(self):
        return {"sport": self.random.choice((53, 4000, 65535)), "dport": self.random.choice((53, 443, 2152))}

    def transport(self, family):
        pick = self.random.randrange(9)
        data = Raw(self.payload())
        if pick <= 1:
            options = self.random.choice(([], [("NOP", None)] * 4, [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 9))]))
            return 6, TCP(flags="PA", options=options, seq=self.random.randrange(2**32), **self.ports()) / data
        if pick <= 3:
            return 17, UDP(**self.ports()) / data
        if pick == 4:
            return (1, ICMP() / data) if family == 4 else (58, Raw(b"\x80\0\0\0\0\1\0\1") / data)
        if pick == 5:
            return 132, SCTP(**self.ports()) / data
        if pick == 6:
            return 47, GRE() / IP(src=ENDS[2], dst=ENDS[0]) / UDP(**self.ports()) / data
        if pick == 7:
            return 50, ESP(spi=7, seq=1) / data
        return self.random.choice(OTHERS), data

    def chain(self, upper):
        """Extension headers in RFC 8200's order, each at most once, in front of `upper`."""
        protocol, packet = upper
        for kind in sorted((kind for kind in EXTENSIONS if self.random.random() < 0.3), key=(51, 44, 43, 60, 0).index):
            made = self.extension(kind)
            made.nh = protocol
            protocol, packet = kind, made / packet
        return protocol, packet

    def extension(self, kind):
        if kind in (0, 60):
            return EXTENSIONS[kind](options=[PadN(optdata=bytes(self.random.choice((2, 4, 12, 20, 60))))])
        if kind == 43:
            return IPv6ExtHdrRouting(addresses=self.random.choice(([], ["2001:db8::5"], ["2001:db8::5", "2001:db8::6"])), segleft=0)
        if kind == 44:
            return IPv6ExtHdrFragment(offset=0, m=self.random.randrange(2), id=self.random.randrange(2**32))
        return AH(spi=3, seq=1, icv=bytes(self.random.choice((4, 12, 20))))

    def ipv4(self):
        protocol, upper = self.transport(4)
        options = self.random.choice(IPV4_OPTIONS)
        head = IP(src=self.random.choice(ENDS), dst=self.random.choice(ENDS), proto=protocol, ihl=5 + len(options) // 4,
                  len=20 + len(options) + len(upper), flags=self.random.choice((0, 2)), id=self.random.randrange(65536))
        return bytes(head) + options + bytes(upper)

    def ipv6(self):
        protocol, upper = self.chain(self.transport(6))
        return bytes(IPv6(src=self.random.choice(ENDS6), dst=self.random.choice(ENDS6), nh=protocol) / upper)

    def packet(self):
        return self.ipv4() if self.random.random() < 0.5 else self.ipv6()

    def tags(self):
        made = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        for kind in self.random.choice(((), (), (Dot1Q,), (Dot1AD, Dot1Q), (Dot1Q, Dot1Q))):
            made /= kind(vlan=self.random.choice((0, 5, 4095)))
        return made

    def ethernet(self, packet, link=None):
        """A whole frame; short ones padded, as on the wire, but for a few that a sender captured of its own."""
        link = self.tags() if link is None else link
        link.lastlayer().type = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
        data = bytes(link) + packet
        return data + bytes(max(60 - len(data), 0)) if self.random.random() < 0.8 else data

    # --- one capture of a kind: its frames, and their link type ---

    def plain(self):
        return captures.ETHERNET, [captures.frame(self.later(), self.ethernet(self.packet())) for _ in range(40)]

    def raw(self):
        link = self.random.choice((captures.RAW, captures.IPV4_ONLY, captures.IPV6_ONLY))
        make = {captures.RAW: self.packet, captures.IPV4_ONLY: self.ipv4, captures.IPV6_ONLY: self.ipv6}[link]
        return link, [captures.frame(self.later(), make()) for _ in range(40)]

    def not_ip(self):
        ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        ip = IP(src=ENDS[0], dst=ENDS[1]) / UDP(**self.ports())
        others = (ether / ARP(), Ether(dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(b"\x02\x07\x04" + bytes(20)),
                  ether / Dot1Q(vlan=3) / ARP(), ether / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes(35)),
                  ether / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800) / ip, Ether(type=0x88B5) / Raw(bytes(46)))
        frames = [captures.frame(self.later(), bytes(self.random.choice(others))) for _ in range(20)]
        return captures.ETHERNET, frames + self.plain()[1]

    def fragments(self):
        """In order and out of order, of identifications that are used again by other ports."""
        frames = []
        for _ in range(12):
            parts = self.datagram(self.random.choice((4, 6)))
            if self.random.random() < 0.4:
                self.random.shuffle(parts)
            frames += [captures.frame(self.soon(), self.ethernet(part)) for part in parts]
        return captures.ETHERNET, frames

    def datagram(self, family):
        whole = bytes(self.random.choice((UDP, SCTP))(**self.ports()) / Raw(self.random.randbytes(self.random.randrange(40, 3000))))
        protocol = self.random.choice((17, 17, 17, 132, 1))
        size = self.random.choice([size for size in (16, 256, 1480) if size < len(whole)])
        ident = self.random.randrange(4)
        parts = []
        for at in range(0, len(whole), size)[:40]:
            more = at + size < len(whole)
            ends = {"src": ENDS[0], "dst": ENDS[1]} if family == 4 else {"src": ENDS6[0], "dst": ENDS6[1]}
            if family == 4:
                head = IP(id=ident, flags="MF" if more else 0, frag=at // 8, proto=protocol, **ends)
            else:
                head = IPv6(nh=44, **ends) / IPv6ExtHdrFragment(nh=protocol, offset=at // 8, m=int(more), id=ident)
            parts.append(bytes(head / Raw(whole[at:at + size])))
        return parts

    def tunnels(self):
        """Those that no one looks into unless asked to: the outer flow counts."""
        frames = []
        for _ in range(30):
            inner = self.packet()
            outer = self.random.choice((
                (17, UDP(sport=4000, dport=4789) / VXLAN(vni=5) / Raw(self.ethernet(inner))),
                (17, UDP(sport=2152, dport=2152) / Raw(b"\x30\xff" + struct.pack("!HI", len(inner), 9) + inner)),
                (17, UDP(sport=1701, dport=1701) / Raw(b"\x00\x02\0\1\0\2\xff\x03\x00\x21" + inner)),
                (47, Raw(b"\x30\x81\x88\x0b" + struct.pack("!HHII", len(inner), 1, 1, 1) + inner)),
                (4 if inner[0] >> 4 == 4 else 41, Raw(inner))))
            head = IP(src=ENDS[0], dst=ENDS[1], proto=outer[0]) if self.random.random() < 0.5 else \
                IPv6(src=ENDS6[0], dst=ENDS6[1], nh=outer[0])
            frames.append(captures.frame(self.later(), self.ethernet(bytes(head / outer[1]))))
        return captures.ETHERNET, frames

    def offloaded(self):
        """As a sender's own capture has them: over the MTU, the IPv4 length 0 or too long for its field."""
        frames = []
        for size in (100, 9000, 30000, 60000, 65000) * 4:
            upper = bytes(TCP(flags="A", **self.ports()) / Raw(bytes(size)))
            ip = bytes(IP(src=ENDS[0], dst=ENDS[1], proto=6, len=self.random.choice((0, 20 + len(upper)))))
            frames.append(captures.frame(self.later(), bytes(Ether(type=0x0800)) + ip + upper))
        return captures.ETHERNET, frames

    def cut(self):
        """Every snaplen in turn."""
        frames = []
        for captured in range(14, 120):
            data = self.ethernet(self.packet())
            if not unlike(data[:captured]):
                frames.append(captured_frame(self.later(), data, captured, self.random.random() < 0.8))
        return captures.ETHERNET, frames

    def garbage(self):
        """Right IP headers with bytes that mean nothing behind them, and lengths that cannot be true."""
        frames = []
        for _ in range(60):
            protocol = self.random.choice((1, 6, 17, 47, 58, 132) + OTHERS)
            body = self.random.randbytes(self.random.choice((0, 1, 3, 4, 7, 8, 11, 12, 13, 16, 19, 20, 40, 300)))
            length = self.random.choice((len(body), len(body), self.random.randrange(1500), self.random.randrange(65536)))
            if self.random.random() < 0.5:
                head = IP(src=ENDS[0], dst=ENDS[1], proto=protocol, len=min(20 + length, 65535))
            else:
                head = IPv6(src=ENDS6[0], dst=ENDS6[1], nh=protocol, plen=length)
            data = self.ethernet(bytes(head) + body)
            captured = self.random.choice((len(data), len(data), self.random.randrange(14, len(data) + 1)))
            frames.append(captured_frame(self.later(), data, captured, self.random.random() < 0.5))
        return captures.ETHERNET, frames

    KINDS = (plain, raw, not_ip, fragments, tunnels, offloaded, cut, garbage)


def captured_frame(time_ns, data, captured, told):
    """`told`: the capture says how long the frame was; else it looks as if it had been no longer."""
    return captures.frame(time_ns, data, captured) if told else captures.frame(time_ns, data[:captured])


def unlike(data):
    """Whether the capture ends inside IPv4 options or an IPv6 extension header, where the readers differ on purpose."""
    at, kind = 14, struct.unpack_from("!H", data, 12)[0] if len(data) >= 14 else 0
    while kind in (0x8100, 0x88A8) and len(data) >= at + 4:
        at, kind = at + 4, struct.unpack_from("!H", data, at + 2)[0]
    if kind == 0x0800:
        return len(data) > at and at + 20 <= len(data) < at + (data[at] & 15) * 4
    if kind != 0x86DD or len(data) < at + 40:
        return False
    kind, at = data[at + 6], at + 40
    while kind in EXTENSIONS:
        if len(data) < at + 8:
            return True
        size = 8 if kind == 44 else (data[at + 1] + 2) * 4 if kind == 51 else (data[at + 1] + 1) * 8
        if len(data) < at + size:
            return True
        kind, at = data[at], at + size
    return False
