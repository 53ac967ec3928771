# SPDX-License-Identifier: BSD-2-Clause
"""The pinger, against hosts that answer as told: late, twice, in disorder, from elsewhere, with errors, and not at all."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from hosts import ROOT, namespaces, run, samples, wait_for

RELAY = pathlib.Path(__file__).with_name("echo_relay.py")
ROUTER = "10.7.0.254"
MS = 1e-3


class Relay:
    """echo_relay.py in a host: 10.7.0.0/24 and fd00:7::/64 lie behind its device."""

    def __init__(self, host, told):
        self.process = host.start("/usr/bin/python3", RELAY, "relay0", json.dumps(told), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        host.run("sysctl", "-qw", "net.ipv6.conf.relay0.accept_dad=0", "net.ipv6.conf.relay0.router_solicitations=0")
        host.ip("addr", "add", "10.7.0.1/24", "dev", "relay0")
        host.ip("addr", "add", "fd00:7::1/64", "dev", "relay0", "nodad")
        host.ip("link", "set", "relay0", "up")

    def end(self):
        """What it did, as it says itself."""
        return json.loads(self.process.communicate(timeout=30)[0])


@pytest.fixture
def host(able):
    with namespaces(1) as (made,):
        yield made


@pytest.fixture(params=["raw", "unprivileged"])
def either(request, host):
    """The same host, with raw sockets and with ICMP sockets for everybody."""
    if request.param == "unprivileged":
        host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    return host


def pinging(monitor_of, host, hosts, *words, **options):
    defaults = {"interval": 0.1, "count": 10, "timeout": 0.5}
    return monitor_of(host, "-i", "lo", "-t", "0.2", *words, config={"ping": defaults | options | {"hosts": hosts}})


def probe(monitor, dest):
    found = [ping for ping in monitor.json("/api/v1/probes")["pings"] if ping["dest"] == dest]
    assert len(found) <= 1
    return found[0] if found else None


def wait_for_probe(monitor, dest, condition, what):
    def fits():
        ping = probe(monitor, dest)
        return ping if ping and condition(ping) else None

    return wait_for(fits, f"{dest}: {what}")


def after_pings(monitor, dest, count):
    return wait_for_probe(monitor, dest, lambda ping: ping["sent"] >= count, f"{count} pings")


def pinger(monitor):
    return monitor.json("/api/v1/probes")["pinger"]


def value(metrics, name, **labels):
    (found,) = [number for given, number in metrics[name] if all(given[key] == labels[key] for key in labels)]
    return found


def test_fates_are_told_apart(either, monitor_of):
    """Late, duplicate, reordered and forged replies, and those from elsewhere: each is counted as what it is."""
    relay = Relay(either, {
        "10.7.0.2": {"delay": 2 * MS}, "fd00:7::2": {"delay": 2 * MS},
        "10.7.0.3": {"twice": True},
        "10.7.0.4": {"hold": 0.15},
        "10.7.0.5": {"delay": 0.7},
        "10.7.0.6": {"source": "10.7.0.66"},
        "10.7.0.7": {"forge": True},
        "10.7.0.8": {"drop": [0, 3, 7]},
    })
    hosts = [f"10.7.0.{end}" for end in range(2, 9)] + ["fd00:7::2"]
    monitor = pinging(monitor_of, either, hosts)
    for dest in ("10.7.0.2", "fd00:7::2"):
        ping = after_pings(monitor, dest, 40)
        assert ping["up"] and ping["sent"] - ping["received"] <= 1
        assert (ping["late"], ping["duplicate"], ping["reordered"], ping["errors"]) == (0, 0, 0, [])
        assert 2 * MS <= ping["round"]["min_seconds"] <= ping["round"]["mean_seconds"] <= ping["round"]["max_seconds"]
        assert ping["last_rtt_seconds"] >= 2 * MS
    twice = after_pings(monitor, "10.7.0.3", 40)
    assert twice["received"] - 1 <= twice["duplicate"] <= twice["received"] and twice["round"]["loss_ratio"] == 0
    disorder = after_pings(monitor, "10.7.0.4", 40)
    assert disorder["reordered"] > 10 and disorder["duplicate"] == disorder["late"] == 0 and disorder["round"]["loss_ratio"] == 0
    late = after_pings(monitor, "10.7.0.5", 40)
    assert (late["received"], late["up"], late["last_rtt_seconds"]) == (0, False, None) and late["late"] > 20
    assert late["round"]["loss_ratio"] == 1 and late["round"]["mean_seconds"] is None
    for dest in ("10.7.0.6", "10.7.0.7"):
        ping = after_pings(monitor, dest, 40)
        assert (ping["received"], ping["late"], ping["up"]) == (0, 0, False)
    foreign = pinger(monitor)["foreign"]
    assert foreign >= 70, "those of .6 and .7"
    lossy = after_pings(monitor, "10.7.0.8", 40)
    assert lossy["round"] | {"sent": 10, "received": 7, "loss_ratio": 0.3} == lossy["round"] and lossy["up"]
    assert pinger(monitor)["without_stamp"] == pinger(monitor)["dropped"] == 0
    monitor.stop()
    relay.end()


def test_errors_by_kind_and_sender(either, monitor_of):
    """An error is counted for the ping that it quotes, also where it quotes eight bytes only, and is no reply."""
    relay = Relay(either, {
        "10.7.0.2": {"error": [3, 0], "router": ROUTER},
        "10.7.0.3": {"error": [3, 13], "router": ROUTER},
        "10.7.0.4": {"error": [11, 0], "router": "10.7.0.253", "quote": 8},
        "10.7.0.5": {"error": [3, 1], "router": ROUTER, "quote": 8},
        "fd00:7::2": {"error": [3, 0], "router": "fd00:7::fe"},
        "fd00:7::3": {"error": [1, 1], "router": "fd00:7::fe"},
    })
    expected = {"10.7.0.2": ("net_unreachable", ROUTER), "10.7.0.3": ("prohibited", ROUTER),
                "10.7.0.4": ("ttl_exceeded", "10.7.0.253"), "10.7.0.5": ("host_unreachable", ROUTER),
                "fd00:7::2": ("ttl_exceeded", "fd00:7::fe"), "fd00:7::3": ("prohibited", "fd00:7::fe")}
    monitor = pinging(monitor_of, either, [*expected, {"host": "192.0.2.1", "name": "no route"}])
    for dest, (kind, sender) in expected.items():
        ping = after_pings(monitor, dest, 20)
        (error,) = ping["errors"]
        assert (error["kind"], error["from"]) == (kind, sender)
        assert error["count"] >= ping["sent"] - 2 and ping["received"] == 0 and ping["up"] is False
    ping = after_pings(monitor, "no route", 20)
    assert [(error["kind"], error["from"]) for error in ping["errors"]] == [("local", "local")]
    assert ping["errors"][0]["count"] == ping["sent"] and ping["round"]["loss_ratio"] == 1
    metrics = monitor.metrics()
    assert value(metrics, "flowgauge_ping_errors_total", dest="10.7.0.4", kind="ttl_exceeded") >= 18
    assert value(metrics, "flowgauge_ping_up", dest="10.7.0.4") == 0
    assert not [labels for labels, _ in metrics.get("flowgauge_ping_last_rtt_seconds", []) if labels["dest"] in expected]
    monitor.stop()
    relay.end()


@pytest.mark.skipif(not shutil.which("fping"), reason="no fping to compare with")
def test_agrees_with_fping(either, monitor_of):
    """The same hosts by fping at the same time, and what the relay says that it added. The relay drops by a pattern of ten, so
    both lose the same share."""
    delays = {"10.7.0.2": 5 * MS, "10.7.0.3": 20 * MS, "10.7.0.4": 80 * MS, "fd00:7::2": 20 * MS}
    losses = {"10.7.0.2": [], "10.7.0.3": [4, 9], "10.7.0.4": [1], "fd00:7::2": [0, 1, 2]}
    relay = Relay(either, {host: {"delay": delays[host], "drop": losses[host]} for host in delays})
    monitor = pinging(monitor_of, either, list(delays), "--json")

    def rounds_of():
        records = [json.loads(line) for line in monitor.output.read_text().splitlines(True) if line.endswith("\n")]
        found = {host: [record for record in records if record["type"] == "ping" and record["dest"] == host][:10]
                 for host in delays}
        return found if min(map(len, found.values())) == 10 else None

    rounds = wait_for(rounds_of, "ten rounds of ten pings")
    monitor.stop()
    held = {host: count["held"] for host, count in relay.end().items()}
    relay = Relay(either, {host: {"delay": delays[host], "drop": losses[host]} for host in delays})
    result = either.run("fping", "-q", "-C", 100, "-p", 100, "-t", 500, *delays, check=False)
    held_of_fping = {host: count["held"] for host, count in relay.end().items()}
    for host, ten in rounds.items():
        (line,) = [line for line in result.stderr.splitlines() if line.split(" : ")[0].strip() == host]
        times = line.split(" : ")[1].split()
        answered = [float(time) * MS for time in times if time != "-"]
        assert len(times) == sum(round_["sent"] for round_ in ten) == 100
        assert len(answered) == sum(round_["received"] for round_ in ten) == 100 - 10 * len(losses[host])
        # What is left is the way to the relay and back. The least, as a ping lies at the relay's door while that does not run.
        fping = min(answered) - held_of_fping[host]
        ours = min(round_["min_seconds"] for round_ in ten) - held[host]
        assert abs(ours) < 1 * MS and abs(ours - fping) < 1 * MS, (host, ours, fping)
        # No round trip is shorter than what the relay added.
        assert all(round_["min_seconds"] >= delays[host] for round_ in ten)
        print(f"{host}: {1e6 * ours:.0f} us beside the relay's, fping {1e6 * fping:.0f} us")


def test_names(host, monitor_of):
    """A name with two addresses, all or the first; one that does not exist; and one that appears later."""
    place = pathlib.Path("/etc/netns") / host.name
    place.mkdir(parents=True)
    try:
        names = place / "hosts"
        names.write_text("127.0.0.2 both.test\n127.0.0.3 both.test\n", encoding="utf-8")
        (place / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="utf-8")
        host.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        host.ip("addr", "add", "10.9.0.1/24", "dev", "veth0")
        host.ip("link", "set", "veth0", "up")
        hosts = [{"host": "both.test", "name": "all", "addresses": "all"}, {"host": "both.test", "name": "first"},
                 {"host": "later.test", "name": "later"}]
        monitor = pinging(monitor_of, host, hosts, resolve_interval=1)
        both = wait_for(lambda: [ping for ping in monitor.json("/api/v1/probes")["pings"]
                                 if ping["dest"] == "all" and ping["up"]][1:], "both addresses are up")
        assert both
        addresses = {ping["address"] for ping in monitor.json("/api/v1/probes")["pings"] if ping["dest"] == "all"}
        assert addresses == {"127.0.0.2", "127.0.0.3"}
        wait_for_probe(monitor, "first", lambda ping: ping["up"], "is up")
        ping = wait_for_probe(monitor, "later", lambda ping: ping["up"] is False, "is down")
        assert (ping["address"], ping["last_rtt_seconds"], ping["sent"]) == (None, None, 0)
        metrics = monitor.metrics()
        assert value(metrics, "flowgauge_ping_up", dest="later") == 0
        assert "later.test does not resolve" in monitor.log.read_text()
        # In place: the file is bound into the namespace as it is.
        with open(names, "a", encoding="utf-8") as file:
            file.write("127.0.0.4 later.test\n")
        ping = wait_for_probe(monitor, "later", lambda ping: ping["up"], "is up")
        assert ping["address"] == "127.0.0.4"
        monitor.stop()
    finally:
        shutil.rmtree(place)


def test_records_and_reload(host, monitor_of):
    """A record a round, each of `count` pings; a reload keeps the hosts that stay, and their counts."""
    monitor = pinging(monitor_of, host, ["127.0.0.2", "127.0.0.3"], "--json", count=5)
    before = after_pings(monitor, "127.0.0.2", 12)
    config = json.loads(monitor.config.read_text())
    config["ping"]["hosts"] = ["127.0.0.4", "127.0.0.2"]
    monitor.configure(config)
    monitor.controller("reload")
    wait_for_probe(monitor, "127.0.0.4", lambda ping: ping["received"], "is pinged")
    after = probe(monitor, "127.0.0.2")
    assert after["sent"] >= before["sent"]
    assert [ping["dest"] for ping in monitor.json("/api/v1/probes")["pings"]] == ["127.0.0.4", "127.0.0.2"]
    shown = monitor.controller("probes").stdout
    assert re.search(r"^127\.0\.0\.4 +127\.0\.0\.4 +up ", shown, re.MULTILINE), shown
    assert json.loads(monitor.controller("probes", "--json").stdout)["pings"][0]["dest"] == "127.0.0.4"
    monitor.stop()
    records = [json.loads(line) for line in monitor.output.read_text().splitlines()]
    pings = [record for record in records if record["type"] == "ping"]
    assert {ping["dest"] for ping in pings} >= {"127.0.0.2"}
    for ping in pings:
        assert (ping["sent"], ping["received"], ping["loss_ratio"], ping["errors"]) == (5, 5, 0, 0)
        assert 0 < ping["min_seconds"] <= ping["mean_seconds"] <= ping["max_seconds"]
        assert 0 <= ping["stddev_seconds"] <= ping["max_seconds"] - ping["min_seconds"]


def test_metrics(host, monitor_of):
    """Prometheus's own tool finds nothing to complain of; histograms beyond the limit share one, and the sum is exact."""
    hosts = [f"127.0.0.{end}" for end in range(2, 7)]
    config = {"ping": {"interval": 0.05, "hosts": hosts}, "metrics": {"max_ping_histograms": 3}, "legacy_metrics": True}
    monitor = monitor_of(host, "-i", "lo", "-t", "0.2", config=config)
    after_pings(monitor, hosts[-1], 12)
    for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        body = monitor.get("/metrics", headers={"Accept": accept})[2].decode()
        metrics = samples(body)
        counts = metrics["flowgauge_ping_rtt_seconds_count"]
        assert [labels["dest"] for labels, _ in counts] == [*hosts[:3], "other"]
        received = sum(number for _, number in metrics["flowgauge_ping_received_total"])
        assert sum(number for _, number in counts) == received > 50
        bounds = [float(labels["le"]) for labels, _ in metrics["flowgauge_ping_rtt_seconds_bucket"]
                  if labels["dest"] == hosts[0]]
        assert bounds[0] == 50e-6 and bounds[-2] == 10
        assert all(high / low <= 1.25 + 1e-9 for low, high in zip(bounds, bounds[1:-1]))
        assert len(metrics["avg_rtt"]) == 5
    body = monitor.get("/metrics")[2]
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert "flowgauge_ping" not in (result.stdout + result.stderr).decode()
    assert result.returncode in (0, 3)


def test_dscp_ttl_size_and_interface(pair, monitor_of, place):
    """What goes out is what was asked for."""
    near, far = pair
    capture = place / "pings.pcap"
    tshark = far.start("tshark", "-q", "-i", "veth0", "-w", capture, "-f", "icmp or icmp6", stderr=subprocess.PIPE)
    assert b"Capturing" in tshark.stderr.readline() + tshark.stderr.readline()
    words = {"dscp": 46, "ttl": 7, "size": 100, "interface": "veth0"}
    monitor = pinging(monitor_of, near, [{"host": host} | words for host in ("10.1.0.2", "fd00:1::2")])
    for dest in ("10.1.0.2", "fd00:1::2"):
        wait_for_probe(monitor, dest, lambda ping: ping["received"] >= 5, "five replies")
    monitor.stop()
    tshark.terminate()
    tshark.wait(30)
    fields = ("ip.dsfield.dscp", "ip.ttl", "ipv6.tclass.dscp", "ipv6.hlim", "data.len")
    out = run("tshark", "-r", capture, "-Y", "icmp.type == 8 || icmpv6.type == 128", "-T", "fields",
              *(word for field in fields for word in ("-e", field))).stdout
    seen = {tuple(line.split("\t")) for line in out.splitlines()}
    assert len(seen) == 2
    assert {tuple(cell for cell in line if cell)[:2] for line in seen} == {("46", "7")}
    assert all(line[-1] in ("100", "92", "84") for line in seen), seen


def test_without_a_right_to_ping(host, place):
    """Neither raw sockets nor ICMP sockets: one line says what is missing, and what would be right."""
    config = place / "ping.json"
    config.write_text(json.dumps({"ping": {"hosts": ["127.0.0.2"]}}), encoding="utf-8")
    result = host.run("capsh", "--drop=cap_net_raw", "--", "-c", 'exec "$0" "$@"', ROOT / "build" / "flowgauge", "-i", "lo", "-c",
                      config, "--control", place / "x.sock", "--listen", "off", check=False)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if "ping" in line]
    assert "CAP_NET_RAW" in line and "net.ipv4.ping_group_range" in line
