# SPDX-License-Identifier: BSD-2-Clause
"""What is said of passive round-trip times: rows, series and flows, scopes, limits, hops, and what cannot be known."""
import json
import subprocess
import time

import pytest

from hosts import join, namespaces, wait_for
from rtt_hosts import FAR, NEAR, PORT, connect, drain, pairs_of, taker


def ping(host, address, *words):
    return host.run("ping", "-q", "-n", "-i", "0.01", "-c", "20", *words, address, check=False)


def test_rows_series_and_flows(pair, monitor):
    """The same by every way out; a pair has two directions if both ask."""
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2", "--json")
    for address in FAR.values():
        ping(near, address)
    ping(far, NEAR[4])
    rows = pairs_of(watched)
    assert set(rows) == {(NEAR[4], FAR[4], "icmp"), (NEAR[6], FAR[6], "icmp"), (FAR[4], NEAR[4], "icmp")}
    metrics = watched.metrics()
    for (src, dst, method), row in rows.items():
        labels = {"src": src, "dst": dst, "method": method}
        assert row["count"] == row["total"]["count"] == 20 and not row["other"]
        assert 0 < row["min_seconds"] <= row["total"]["mean_seconds"] and row["min_seconds"] <= row["smoothed_seconds"]
        assert row["total"]["p50_seconds"] <= row["total"]["p95_seconds"] <= row["total"]["p99_seconds"]
        assert (labels, 20) in metrics["flowgauge_rtt_seconds_count"]
        assert (labels | {"le": "+Inf"}, 20) in metrics["flowgauge_rtt_seconds_bucket"]
        for name in ("last", "min", "smoothed"):
            assert (labels, pytest.approx(row[f"{name}_seconds"])) in metrics[f"flowgauge_rtt_{name}_seconds"]
        (flow,) = watched.flows(src=src, dst=dst)
        protocol = "ICMPv6" if ":" in src else "ICMP"
        assert flow["protocol"] == protocol
        assert flow["rtt"]["min_seconds"] > 0 and flow["rtt"]["one_way"] is False
    assert ({"method": "icmp"}, 60) in metrics["flowgauge_rtt_matched_total"]
    assert ({}, 3) in metrics["flowgauge_rtt_pairs"]
    shown = watched.controller("rtt").stdout.splitlines()
    assert len(shown) == 4 and all(" icmp " in line for line in shown[1:])
    assert len(watched.controller("rtt", "--top", "1").stdout.splitlines()) == 3
    assert json.loads(watched.controller("rtt", "--json").stdout)["pairs_live"] == 3
    status = json.loads(watched.controller("status", "--json").stdout)["rtt"]
    assert (status["enabled"], status["scope"], status["pairs_live"], status["pairs_limit"], status["note"]) == (True, "host", 3, 1000, None)
    watched.stop()
    records = [json.loads(line) for line in watched.output.read_text().splitlines()]
    told = [record for record in records if record["type"] == "rtt"]
    assert sum(record["interval"]["count"] for record in told) == 60


@pytest.mark.parametrize("scope", ["prefix", "flow"])
def test_scopes(pair, monitor, scope):
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rtt": {"scope": scope}})
    with taker(far, 4) as listener:
        taken, connections = [], [connect(near, 4) for _ in range(3)]
        ports = {connection.getsockname()[1] for connection in connections}
        for _ in range(10):
            for connection in connections:
                connection.send(b"x")
            drain(listener, taken)
            time.sleep(0.02)
        watched.settle()
        pairs = [pair for pair in watched.json("/api/v1/rtt")["pairs"] if pair["method"] == "tcp_timestamp"]
        mine = [pair for pair in pairs if (pair["src"] or "").startswith("10.1.0") and pair["dport"] in (PORT, None)]
        counts = watched.metrics()["flowgauge_rtt_seconds_count"]
        for closing in (*connections, *taken):
            closing.close()
    if scope == "prefix":
        assert {(pair["src"], pair["dst"], pair["sport"]) for pair in mine} == {("10.1.0.0/24", "10.1.0.0/24", None)}
        assert {labels["src"] for labels, _ in counts} == {"10.1.0.0/24"}
    else:
        assert {pair["sport"] for pair in mine} == ports and {pair["protocol"] for pair in mine} == {"TCP"}
        assert {labels["sport"] for labels, _ in counts if labels["dport"] == str(PORT)} == {str(port) for port in ports}
    assert sum(pair["count"] for pair in mine) > 0


def test_one_direction_of_a_connection_from_before(pair, monitor):
    """No handshake was seen: still it is known that nobody answers."""
    near, far = pair
    with taker(far, 4) as listener:
        taken, connection = [], connect(near, 4)
        watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in")
        for _ in range(20):
            connection.send(b"x")
            drain(listener, taken)
            time.sleep(0.01)
        flow = watched.flow(src=NEAR[4], dst=FAR[4], protocol="TCP")
        for closing in (connection, *taken):
            closing.close()
    assert flow["rtt"]["one_way"] is True and flow["rtt"]["count"] == 0
    assert watched.json("/api/v1/rtt")["flows_one_way"] >= 1


def test_one_direction_only(pair, monitor):
    """Requests without answers, and answers without requests: nothing is made up, and it is said why nothing is known."""
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in")
    with taker(far, 4) as listener:
        taken, connection = [], connect(near, 4)
        for _ in range(20):
            connection.send(b"x")
            drain(listener, taken)
            time.sleep(0.01)
        ping(near, FAR[4])
        flow = watched.flow(src=NEAR[4], dst=FAR[4], protocol="TCP")
        for closing in (connection, *taken):
            closing.close()
    assert flow["rtt"] == {"count": 0, "last_seconds": None, "min_seconds": None, "smoothed_seconds": None, "one_way": True}
    document = watched.json("/api/v1/rtt")
    assert document["pairs"] == [] and document["flows_one_way"] >= 1 and document["flows_known"] == 0
    assert "cannot be known" in document["note"]
    assert "cannot be known" in json.loads(watched.controller("status", "--json").stdout)["rtt"]["note"]
    assert "cannot be known" in watched.controller("rtt").stdout
    assert "cannot be known" in watched.controller("status").stdout
    metrics = watched.metrics()
    assert "flowgauge_rtt_seconds_count" not in metrics
    assert all(value == 0 for _, value in metrics["flowgauge_rtt_matched_total"])


def test_a_host_that_asks_itself(able, monitor_of):
    """Requests and replies are alike but for their kind: the answers pass here, and nothing says that they did not."""
    with namespaces(1) as (host,):
        watched = monitor_of(host, "-i", "lo", "-t", "0.2")
        for address in ("127.0.0.1", "::1"):
            ping(host, address)
            flows = watched.flows(src=address, dst=address)
            told = {flow["direction"]: flow["rtt"] for flow in flows if flow["protocol"].startswith("ICMP")}
            assert set(told) == {"ingress", "egress"}
            assert [(rtt["count"], rtt["one_way"]) for rtt in told.values()] == [(20, False)] * 2
        wait_for(lambda: watched.json("/api/v1/rtt")["flows_one_way"] == 0, "no flow is one-way")


def test_pairs_beyond_the_limit_are_others(pair, monitor):
    near, far = pair
    addresses = [f"10.1.0.{end}" for end in range(2, 10)]
    for address in addresses[1:]:
        far.ip("addr", "add", f"{address}/24", "dev", "veth0")
        near.ip("neigh", "replace", address, "lladdr", "02:00:00:01:00:02", "dev", "veth0", "nud", "permanent")
    watched = monitor("-i", "veth0", "-t", "0.2", config={"metrics": {"max_pairs": 3}})
    before = {}
    for turn in range(1, 4):
        for address in addresses:
            ping(near, address)
        watched.settle()
        metrics = watched.metrics()
        counts = {(labels["src"], labels["dst"], labels["method"]): value for labels, value in metrics["flowgauge_rtt_seconds_count"]}
        assert sum(counts.values()) == turn * 20 * len(addresses)
        assert len(counts) == 4 and counts["other", "other", "icmp"] == turn * 20 * (len(addresses) - 3)
        # Who has a row keeps it, and nothing falls.
        assert set(before) <= set(counts) and all(counts[name] >= value for name, value in before.items())
        assert ({}, 3) in metrics["flowgauge_rtt_pairs"] and ({}, 3) in metrics["flowgauge_rtt_pairs_limit"]
        before = counts
    document = watched.json("/api/v1/rtt")
    assert document["counts"]["pairs_overflow"] == 3 * 20 * (len(addresses) - 3)
    (other,) = [pair for pair in document["pairs"] if pair["other"]]
    assert (other["src"], other["dst"], other["method"], other["last_seconds"]) == (None, None, "icmp", None)


def test_hops(able, monitor_of):
    """Who sends a time exceeded is counted by whom the packet was for; so is each router on the way by traceroute."""
    with namespaces(3) as (near, router, far):
        join(near, router, "veth0", 1)
        join(router, far, "veth1", 2)
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratelimit=0",
                   "net.ipv4.icmp_msgs_per_sec=10000", "net.ipv6.icmp.ratelimit=0")
        near.ip("route", "add", "default", "via", "10.1.0.2")
        near.ip("-6", "route", "add", "default", "via", "fd00:1::2")
        far.ip("route", "add", "default", "via", "10.2.0.1")
        far.ip("-6", "route", "add", "default", "via", "fd00:2::1")
        watched = monitor_of(near, "-i", "veth0", "-t", "0.2")
        assert near.run("ping", "-q", "-c", "2", "-i", "0.05", "10.2.0.2").returncode == 0
        for address in ("10.2.0.2", "fd00:2::2"):
            near.run("ping", "-q", "-n", "-c", "7", "-i", "0.05", "-t", "1", address, check=False)
        near.run("ping", "-q", "-n", "-c", "3", "-i", "0.05", "-t", "1", "10.2.0.77", check=False)
        watched.settle()
        metrics = watched.metrics()
        assert sorted((labels["hop"], labels["dst"], value) for labels, value in metrics["flowgauge_icmp_time_exceeded_total"]) == [
            ("10.1.0.2", "10.2.0.2", 7), ("10.1.0.2", "10.2.0.77", 3), ("fd00:1::2", "fd00:2::2", 7)]
        hops = watched.json("/api/v1/rtt")["hops"]
        assert {"hop": "10.1.0.2", "dst": "10.2.0.2", "time_exceeded": 7} in hops
        assert "TIME EXCEEDED" in watched.controller("rtt").stdout
        # They were no answers.
        assert pairs_of(watched)["10.1.0.1", "10.2.0.2", "icmp"]["count"] == 2
        watched.stop()


def test_off(pair, monitor):
    """Nothing of it is anywhere; and a reload says that it needs a restart."""
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rtt": {"enabled": False}})
    ping(pair[0], FAR[4])
    assert watched.flow(src=NEAR[4], protocol="ICMP")["rtt"] is None
    document = watched.json("/api/v1/rtt")
    assert (document["enabled"], document["scope"], document["pairs"]) == (False, None, [])
    assert not [name for name in watched.metrics() if "_rtt_" in name or "time_exceeded" in name]
    assert "rtt.enabled is false" in watched.controller("rtt").stdout
    watched.configure({"rtt": {"scope": "flow"}, "metrics": {"max_pairs": 5}})
    assert "metrics.max_pairs, rtt: a restart is needed" in watched.controller("reload").stdout
    assert watched.json("/api/v1/rtt")["enabled"] is False


def test_promtool_accepts_round_trips_pings_and_rates(pair, monitor):
    """All that is measured, at once, in both formats; and the labels of the earlier exporter."""
    config = {"ping": {"hosts": [NEAR[4]], "interval": 0.05}, "rate": {"estimation_interval": 0.5, "meter_interval": 0.5},
              "legacy_metrics": True}
    watched = monitor("-i", "veth0", "-t", "0.2", config=config)
    ping(pair[0], FAR[4])
    wanted = {"flowgauge_rtt_seconds_bucket", "flowgauge_ping_rtt_seconds_bucket", "flowgauge_rate_mean_bytes_per_second", "avg_rtt"}
    wait_for(lambda: wanted <= set(watched.metrics()), "all of it is measured")
    body = watched.get("/metrics")[2]
    labels = {"src": NEAR[4], "dst": FAR[4], "Source_IP": NEAR[4], "Destination_IP": FAR[4], "method": "icmp"}
    assert labels in [found for found, _ in watched.metrics()["flowgauge_rtt_seconds_count"]]
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    complaints = (result.stdout + result.stderr).decode()
    assert not [line for line in complaints.splitlines() if line.startswith("flowgauge")], complaints
    assert result.returncode in (0, 3), complaints
    openmetrics = watched.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})[2].decode()
    families = [line.split()[2] for line in openmetrics.splitlines() if line.startswith("# TYPE ")]
    assert len(families) == len(set(families)) and openmetrics.endswith("# EOF\n")
