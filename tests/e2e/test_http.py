# SPDX-License-Identifier: BSD-2-Clause
"""HTTP on a live monitor: what Prometheus's own tool says of the metrics, and clients that mean no good."""
import contextlib
import gzip
import json
import socket
import subprocess

import pytest

from hosts import UDP_OVERHEAD, UDP_SEND, receiver, samples, wait_for, without_noise

PORT = 5001
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def busy(pair, flows=40, count=2000, size=100):
    with receiver(pair[1], PORT, count=flows):
        pair[0].send_udp("10.1.0.2", PORT, count=count, size=size, ports=flows, offset=0, source=4001)


@pytest.fixture
def watched(pair, monitor):
    without_noise(*pair)
    config = {"OFFSET": 0, "metrics": {"max_flows": 5, "bpf_run_time": True}, "legacy_metrics": True}
    made = monitor("-i", "veth0", "-t", "0.2", config=config)
    busy(pair)
    made.settle()
    return made


def test_promtool_accepts_the_metrics(watched):
    status, headers, body = watched.get("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    complaints = result.stdout.decode() + result.stderr.decode()
    # The names of old dashboards are what they were, against what promtool would have them be.
    legacy = tuple(f"{group}_" for group in ("tcp", "udp", "icmp"))
    assert [line for line in complaints.splitlines() if line and not line.startswith(legacy)] == []
    # It reads to the end: 3 is for complaints, 1 for what cannot be parsed.
    assert result.returncode in (0, 3), complaints


def test_openmetrics_and_gzip(watched):
    status, headers, body = watched.get("/metrics", headers=OPENMETRICS)
    assert status == 200 and headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    status, headers, squeezed = watched.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    plain = gzip.decompress(squeezed).decode()
    assert set(samples(plain)) == set(samples(body.decode()))


def test_sums_are_exact(watched):
    """Five flows have series of their own, the others share one: together they are the ledger's, to the byte."""
    metrics = watched.metrics()
    series = metrics["flowgauge_flow_bytes_total"]
    assert len(series) == 6 and sum(labels["src"] == "other" for labels, _ in series) == 1
    names = {"interface", "direction", "src", "dst", "sport", "dport", "protocol"}
    assert all(set(labels) == names for labels, _ in series)
    assert sum(value for _, value in series) == 2000 * (100 + UDP_OVERHEAD[4])
    assert sum(value for _, value in metrics["flowgauge_flow_payload_bytes_total"]) == 2000 * 100
    for unit in ("packets", "bytes"):
        seen = {labels["direction"]: value for labels, value in metrics[f"flowgauge_seen_{unit}_total"]}
        for direction, value in seen.items():
            parts = metrics[f"flowgauge_outcome_{unit}_total"]
            outcomes = [part for labels, part in parts if labels["direction"] == direction]
            assert len(outcomes) == 5 and sum(outcomes) == value


def test_names_of_old_dashboards(watched):
    metrics = watched.metrics()
    measures = ("throughput", "goodput", "jitter_avg", "jitter_stddev", "seq_num", "count", "reverse_err", "small_err",
                "big_err", "total_err")
    names = {f"{group}_{measure}" for group in ("tcp", "udp", "icmp") for measure in measures}
    names |= {"packets_sent", "packets_recv"}  # of the host exporter
    assert {name for name in metrics if not name.startswith(("flowgauge_", "process_"))} <= names
    # What nobody measured has no sample: only UDP was sent.
    assert {name for name in names if name.startswith("udp_")} - set(metrics) <= {"udp_jitter_avg", "udp_jitter_stddev"}
    assert metrics["udp_count"] == [({}, 2000.0)]


@pytest.mark.parametrize("path, options, expected", [
    ("/", {}, 200),
    ("/-/healthy", {}, 200),
    ("/-/ready", {}, 200),
    ("/api/v1/status", {}, 200),
    ("/api/v1/flows?top=3", {}, 200),
    ("/api/v1/totals", {}, 200),
    ("/-/reload", {"method": "POST"}, 200),
    ("/-/reload", {}, 405),
    ("/metrics", {"method": "POST"}, 405),
    ("/nothing", {}, 404),
    # A page elsewhere that has its name point at loopback must not read what a visitor's browser would fetch for it.
    ("/metrics", {"headers": {"Host": "evil.example:8080"}}, 403),
])
def test_paths(watched, path, options, expected):
    status, _, body = watched.get(path, **options)
    assert status == expected, body
    if "?top=3" in path:
        document = json.loads(body)
        assert (document["count"], len(document["flows"])) == (40, 3)


def test_slow_clients_delay_no_tick(pair, monitor):
    """Clients that say nothing, that stop in the middle of a request, and that ask for much and read none of it, all
    while packets flow: ticks go on, and whoever reads is answered."""
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in")
    busy(pair, flows=5000, count=5000)
    watched.settle()
    assert len(watched.get("/api/v1/flows?top=5000")[2]) > 1_000_000
    asked = b"GET /api/v1/flows?top=5000 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    with contextlib.ExitStack() as stack:
        for words in 10 * [b""] + 10 * [asked] + 10 * [asked + b"\r\n"]:
            client = stack.enter_context(pair[1].socket(socket.AF_INET, socket.SOCK_STREAM))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", 8080))
            client.sendall(words)
        seen = set()

        def fifteen_reports():
            seen.add(watched.json("/api/v1/totals")["time"])
            return len(seen) >= 15

        with receiver(pair[1], PORT):
            sender = pair[0].start(UDP_SEND, "10.1.0.2", PORT, "count=30000", "gap_us=100", stdout=subprocess.DEVNULL)
            wait_for(fifteen_reports, "fifteen reports")
            assert sender.wait(60) == 0
        assert watched.totals("veth0", "ingress")["flows"]["packets"] == 35000
        assert watched.controller("status").returncode == 0
    watched.stop()


def test_more_clients_than_it_takes(pair, monitor):
    """It refuses or keeps them waiting, and is there again when they have gone."""
    watched = monitor("-i", "veth0", "-t", "0.2")
    with contextlib.ExitStack() as stack:
        for _ in range(600):
            client = stack.enter_context(pair[1].socket(socket.AF_INET, socket.SOCK_STREAM))
            client.settimeout(0.2)
            try:
                client.connect(("127.0.0.1", 8080))
            except OSError:
                break
        assert watched.controller("status").returncode == 0, "the control socket is another door"
        assert watched.process.poll() is None
    wait_for(lambda: watched.get("/-/healthy")[0] == 200, "it answers again")


def test_listens_on_loopback_only(pair, monitor):
    watched = monitor("-i", "veth0")
    assert watched.get("/metrics")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        pair[0].get(8080, "/metrics", address="10.1.0.2")
