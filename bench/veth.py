# SPDX-License-Identifier: BSD-2-Clause
"""End to end: packets from one namespace to another over veth, without a monitor and with one at each hook.

Each hook has a pair of interfaces of its own, because XDP on a veth leaves its peer changed; the hooks take turns, and the
monitor runs, with its ticks, only while its turn lasts. A sender on one CPU sends 64 bytes of UDP payload to sockets that
let them lie: the receiving side runs on the sender's CPU, so a packet's time is all that it costs. TCP is iperf3's.
"""
import contextlib
import json
import pathlib
import statistics
import tempfile
import time

import hosts

HOOKS = {"none": None, "tcx": "tc", "clsact": "clsact", "xdp": "xdp"}
UDP_PACKETS = 300_000
UDP_PORTS = 100
UDP_PORT = 6000
TCP_PORT = 5201
TCP_SECONDS = 1.5
SENDER_CPU = 0
QUIET = 0.2  # seconds until what is under way has arrived


class Place:
    """The two ends of one hook's pair."""

    def __init__(self, near, far, hook, number):
        self.near, self.far, self.hook = near, far, hook
        self.interface = f"veth{number}"
        self.address = f"10.{number + 1}.0.2"
        hosts.join(near, far, self.interface, number + 1)

    @contextlib.contextmanager
    def watched(self, directory):
        if not HOOKS[self.hook]:
            yield
            return
        monitor = hosts.Monitor(self.far, directory, "-i", self.interface, "--quiet", "--direction", "in", "--hook",
                                HOOKS[self.hook], name=self.hook).start()
        try:
            if self.far.programs(self.interface) != 1:
                raise SystemExit(f"bench: no program at {self.hook}: {monitor.log.read_text()}")
            yield
        finally:
            monitor.stop()

    def udp(self):
        """ns a packet that arrived."""
        before = self.far.counters(self.interface)["rx"]["packets"]
        sent = json.loads(self.near.run("taskset", "-c", SENDER_CPU, hosts.UDP_SEND, self.address, UDP_PORT,
                                        f"count={UDP_PACKETS}", "size=64", f"ports={UDP_PORTS}").stdout)
        time.sleep(QUIET)
        return sent["seconds"] * 1e9 / (self.far.counters(self.interface)["rx"]["packets"] - before)

    def tcp(self):
        """Gbit/s that arrived."""
        result = self.near.run("iperf3", "-c", self.address, "-p", TCP_PORT, "-t", TCP_SECONDS, "-J")
        return json.loads(result.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def ratio(values, base):
    return statistics.median(value / other for value, other in zip(values, base))


def report(taken, count):
    """udp: less time is more throughput."""
    for hook, (udp, tcp) in taken.items():
        record = {"part": "veth", "hook": hook, "rounds": count,
                  "udp": {**spread(udp), "ratio": ratio(taken["none"][0], udp)},
                  "tcp": {**spread(tcp), "ratio": ratio(tcp, taken["none"][1])}}
        if hook != "none":
            record["udp"]["net"] = min(udp) - min(taken["none"][0])
        yield record


def measure(count):
    with hosts.namespaces(2) as (near, far), tempfile.TemporaryDirectory() as directory, \
            hosts.receiver(far, UDP_PORT, count=UDP_PORTS):
        places = [Place(near, far, hook, number) for number, hook in enumerate(HOOKS)]
        far.start("iperf3", "-s", "-p", TCP_PORT, stdout=-3, stderr=-3)
        taken = {hook: ([], []) for hook in HOOKS}
        for turn in range(count + 1):
            for place in places[turn % len(places):] + places[:turn % len(places)]:  # none is always the first
                with place.watched(pathlib.Path(directory)):
                    udp, tcp = place.udp(), place.tcp()
                if turn:  # the first one warms up
                    taken[place.hook][0].append(udp)
                    taken[place.hook][1].append(tcp)
        yield from report(taken, count)
