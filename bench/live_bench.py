#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the running monitor costs in userspace, and whether it counts every packet at full speed. Needs root.

A monitor in one namespace watches a veth; a sender in another reaches 65535 flows, or sends 5 million packets as fast
as the machine goes. Printed: CPU of the daemon a tick, resident memory, time of a scrape, and sent against seen.

usage: live_bench.py [SECONDS]
"""
import os
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
import hosts  # noqa: E402

FLOWS = 65535
FULL_SPEED_PACKETS = 5_000_000
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid):
    """Now and at most, in 10^6 bytes."""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (int(lines[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB resident, {most:.0f} MB at most"


def many_flows(near, far, directory, seconds):
    """Every flow live: each has a packet a few times within the span."""
    monitor = hosts.Monitor(far, directory, "-i", "veth0", "--quiet", "--direction", "in", "--max-flows", "70000").start()
    pid = monitor.process.pid
    with hosts.receiver(far, 1):
        near.send_udp("10.1.0.2", 1, count=FLOWS, ports=FLOWS, size=64, source=40000)
        stop = threading.Event()
        sender = threading.Thread(target=lambda: [near.send_udp("10.1.0.2", 1, count=FLOWS, ports=FLOWS, size=64, source=40000,
                                                                gap_us=10) for _ in iter(stop.is_set, True)])
        sender.start()
        time.sleep(2)
        before, start = cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)
        used, spent = cpu_seconds(pid) - before, time.monotonic() - start
        flows = int(monitor.metrics()["flowgauge_flows"][0][1])
        print(f"{flows} live flows, tick 1 s, no scrape: {100 * used / spent:.1f} % of one core, {resident(pid)}")
        scrapes(monitor)
        print(f"after scrapes: {resident(pid)}")
        stop.set()
        sender.join()
    monitor.stop()


def scrapes(monitor):
    for name, headers in (("plain", {}), ("gzip", {"Accept-Encoding": "gzip"})):
        times = []
        for _ in range(7):
            time.sleep(1.1)  # a new report: nothing comes from what is kept
            start = time.monotonic()
            _, _, body = monitor.get("/metrics", headers=headers)
            times.append(time.monotonic() - start)
        times.sort()
        print(f"/metrics, 1000 flow sets, {name}: {len(body)} bytes; min {1000 * times[0]:.1f} ms, "
              f"median {1000 * times[3]:.1f} ms, max {1000 * times[-1]:.1f} ms")


def full_speed(near, far, directory):
    monitor = hosts.Monitor(far, directory, "-i", "veth0", "--quiet", "--direction", "in", name="full").start()
    sent = [None, None]

    def send(i):
        sent[i] = near.send_udp("10.1.0.2", 5000, count=FULL_SPEED_PACKETS // 2, ports=100, size=64, source=41000 + i)

    with hosts.receiver(far, 5000, count=100):
        start = time.monotonic()
        threads = [threading.Thread(target=send, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = time.monotonic() - start
        total = monitor.totals("veth0", "ingress")
    packets = sum(each["packets"] for each in sent)
    flows = monitor.json("/api/v1/flows?top=10000")["flows"]
    counted = [sum(flow[key] for flow in flows) for key in ("packets", "bytes")]
    print(f"sent {packets} packets by two senders in {spent:.1f} s; seen {total['seen']['packets']} packets, "
          f"{total['seen']['bytes']} bytes; in {len(flows)} flows {counted[0]} packets, {counted[1]} bytes")
    monitor.stop()
    if packets != total["seen"]["packets"] or counted != [total["seen"]["packets"], total["seen"]["bytes"]]:
        sys.exit("live_bench: the counts differ")


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    if os.geteuid():
        sys.exit("live_bench: not root: namespaces need it")
    with hosts.namespaces(2) as pair, tempfile.TemporaryDirectory() as directory:
        near, far = pair
        hosts.join(near, far, "veth0", 1)
        hosts.without_noise(near, far)
        full_speed(near, far, pathlib.Path(directory))
        many_flows(near, far, pathlib.Path(directory), seconds)


if __name__ == "__main__":
    main()
