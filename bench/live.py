# SPDX-License-Identifier: BSD-2-Clause
"""The running monitor: its CPU, memory and ticks at numbers of live flows, and whether it counts every packet.

Watched is where the packets leave, so that what the sender says is what there was to see. Every flow has about a packet a
second, or as many as one sender can make.
"""
import json
import pathlib
import tempfile
import threading
import time

import hosts

SIZES = ((1000, 65536), (65536, 81920), (1_000_000, 1_250_000))  # live flows, and room in the table: from 7/8 on, flows are freed
SEED = 1
FLOOD = hosts.UDP_SEND.parent / "flood"
FULL_SPEED_PACKETS = 1_000_000  # of each of two senders
FULL_SPEED_PORTS = 100
PERIOD = 1.0


class Flood:
    """Sends a packet of each flow, over and over, in a thread of its own until it is stopped."""

    def __init__(self, host, flows):
        self.host, self.flows, self.sent, self.passes = host, flows, 0, 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopped.is_set():
            start = time.monotonic()
            output = self.host.run(FLOOD, "veth0", self.flows, SEED, timeout=300).stdout
            self.sent += json.loads(output)["packets"]
            self.passes += 1
            self._stopped.wait(max(0, PERIOD - (time.monotonic() - start)))

    def stop(self):
        self._stopped.set()
        self._thread.join()


def scheduled_seconds(pid):
    """On a CPU, and ready for one that others had; to the nanosecond, where /proc/PID/stat samples."""
    return [sum(times) / 1e9 for times in zip(*(map(int, path.read_text().split()[:2])
                                               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")))]


def memory_megabytes(pid):
    """Resident now, and at most."""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(lines[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))


def value(metrics, name):
    return metrics[name][0][1]


def watch(monitor, seconds):
    """What the monitor used while the flows were live. The scrapes stand before and after, not within, and a request that
    costs nothing waits for the end of a tick that is under way."""
    pid = monitor.process.pid
    first = monitor.metrics()
    before, start = scheduled_seconds(pid), time.monotonic()
    time.sleep(seconds)
    monitor.get("/-/ready")
    cpu, waited = (now - then for now, then in zip(scheduled_seconds(pid), before))
    spent = time.monotonic() - start
    resident, most = memory_megabytes(pid)
    last = monitor.metrics()
    ticks = value(last, "flowgauge_snapshot_seconds_count") - value(first, "flowgauge_snapshot_seconds_count")
    reading = value(last, "flowgauge_snapshot_seconds_sum") - value(first, "flowgauge_snapshot_seconds_sum")
    ticks = max(ticks, 1)
    return {"flows": int(value(last, "flowgauge_flows")), "seconds": spent, "ticks": int(ticks), "cpu_percent": 100 * cpu / spent,
            "cpu_ms_a_tick": 1000 * cpu / ticks, "waited_ms_a_tick": 1000 * waited / ticks, "snapshot_ms": 1000 * reading / ticks,
            "resident_mb": resident, "most_mb": most}


def counted(monitor):
    total = monitor.totals("veth0", "egress")
    return {"seen": total["seen"]["packets"], "in_flows": total["flows"]["packets"], "overflow": total["overflow"]["packets"]}


def many_flows(near, directory, flows, room, seconds):
    monitor = hosts.Monitor(near, directory, "-i", "veth0", "--quiet", "--direction", "out", "--max-flows", room,
                            name=f"live{flows}").start()
    try:
        flood = Flood(near, flows)
        try:
            hosts.wait_for(lambda: flood.passes > 1, "every flow is there", 300)
            record = watch(monitor, seconds)
        finally:
            flood.stop()
        return {"part": "live", "what": "flows", "room": room, **record, "sent": flood.sent, **counted(monitor)}
    finally:
        monitor.stop()


def full_speed(near, far, directory):
    """Two CPUs in the same flows: they share ports, and the address of the sender is one."""
    monitor = hosts.Monitor(near, directory, "-i", "veth0", "--quiet", "--direction", "out", name="full").start()
    sent = [None, None]

    def send(i):
        sent[i] = near.send_udp("10.1.0.2", 5000, count=FULL_SPEED_PACKETS, ports=FULL_SPEED_PORTS, size=64, source=41000 + i)

    try:
        with hosts.receiver(far, 5000, count=FULL_SPEED_PORTS):
            start = time.monotonic()
            threads = [threading.Thread(target=send, args=(i,)) for i in range(len(sent))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spent = time.monotonic() - start
            return {"part": "live", "what": "full speed", "ports": FULL_SPEED_PORTS, "seconds": spent,
                    "sent": sum(each["packets"] for each in sent), **counted(monitor)}
    finally:
        monitor.stop()


def measure(seconds):
    with hosts.namespaces(2) as (near, far), tempfile.TemporaryDirectory() as directory:
        hosts.join(near, far, "veth0", 1)
        hosts.without_noise(near, far)
        for flows, room in SIZES:
            yield many_flows(near, pathlib.Path(directory), flows, room, seconds)
        yield full_speed(near, far, pathlib.Path(directory))
