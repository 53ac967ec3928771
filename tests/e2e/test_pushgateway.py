# SPDX-License-Identifier: BSD-2-Clause
"""Pushing to a real Pushgateway that a real Prometheus scrapes; and what becomes of a monitor whose Pushgateway refuses it, is not
there, or never answers."""
import json
import socket
import subprocess
import urllib.parse

import pytest

from gateways import FAST, GATEWAY, URL, count, fails, lines, succeeds
from hosts import wait_for

SCRAPER = 9090


# --- what arrives ---


def test_prometheus_scrapes_what_is_pushed(pair, gateway, pushing, place):
    near, far = pair
    watched = pushing({"job": "edge", "grouping": {"site": "north"}}, config={"legacy_metrics": True})
    (place / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "pushed", "honor_labels": True, "metrics_path": "/metrics",
                            "static_configs": [{"targets": [f"127.0.0.1:{GATEWAY}"]}]}]}))
    far.start("prometheus", f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data",
              f"--web.listen-address=127.0.0.1:{SCRAPER}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    near.run("ping", "-c", "20", "-i", "0.01", "-q", "10.1.0.2")
    seen = watched.totals("veth0", "ingress")["seen"]["packets"]

    def scraped():
        query = urllib.parse.quote('flowgauge_seen_packets_total{interface="veth0",direction="ingress"}')
        try:
            return json.loads(far.get(SCRAPER, f"/api/v1/query?query={query}")[2])["data"]["result"]
        except (OSError, ValueError, KeyError):
            return None

    wait_for(lambda: (found := scraped()) and float(found[0]["value"][1]) >= seen, "Prometheus has what was seen")
    labels = scraped()[0]["metric"]
    assert (labels["job"], labels["instance"], labels["site"]) == ("edge", "here", "north")
    names = set(gateway.samples())
    assert {"flowgauge_outcome_bytes_total", "flowgauge_interface_receive_bytes_total", "packets_sent",
            "push_time_seconds"} <= names
    assert not [name for name in names if name.startswith("flowgauge_flow")], "a Pushgateway never forgets a flow"
    watched.stop()
    assert gateway.groups() == {}, "deleted at an orderly end"
    assert len(lines(watched, "push")) == 1, watched.log.read_text()


def test_paths_mean_what_they_say(pair, gateway, pushing):
    grouping = {"zone": "a/b", "empty": "", "word": "with space+plus%20", "dots": "..", "letters": "Zürich?#&="}
    watched = pushing({"job": "a/job of\tmine", "instance": "host/1", "grouping": grouping})
    succeeds(watched)
    wanted = {"job": "a/job of\tmine", "instance": "host/1", **grouping}
    (labels,) = gateway.groups()
    # A label whose value is empty is no label to Prometheus; some Pushgateways show it, some do not.
    assert {key: value for key, value in labels if value} == {key: value for key, value in wanted.items() if value}
    watched.stop()
    assert gateway.groups() == {}


def test_hosts_do_not_overwrite_each_other(gateway, pushing):
    first = pushing({"instance": "one"})
    second = pushing({"instance": "two"}, port=8081)
    third = pushing({"grouping": {"rack": "7"}}, port=8082)
    for watched in (first, second, third):
        succeeds(watched)
    assert {dict(labels)["instance"] for labels in gateway.groups()} == {"one", "two", "here"}
    second.stop()
    assert {dict(labels)["instance"] for labels in gateway.groups()} == {"one", "here"}


def test_the_host_name_by_default(pair, gateway, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", config={"pushgateway": {"url": URL, **FAST}})
    succeeds(watched)
    assert gateway.group(job="flowgauge", instance=socket.gethostname())


@pytest.mark.parametrize("method, stays", [("PUT", False), ("POST", True)])
def test_method(pair, gateway, pushing, method, stays):
    pair[1].run("curl", "-sf", "--data-binary", "@-", f"{URL}/metrics/job/flowgauge/instance/here",
                input="another 1\n")
    assert "another" in gateway.group(job="flowgauge", instance="here")
    watched = pushing({"method": method, "gzip": False, "delete_on_exit": False})
    succeeds(watched)
    group = gateway.group(job="flowgauge", instance="here")
    assert ("another" in group) == stays
    watched.stop()
    group = gateway.group(job="flowgauge", instance="here")
    assert "flowgauge_seen_packets_total" in group, "kept, as delete_on_exit is false"


def test_the_end_deletes_the_group_whole(pair, gateway, pushing):
    """As a Pushgateway does it: also what others pushed to it; not the group that has one label more."""
    for more in ("", "/rack/7"):
        pair[1].run("curl", "-sf", "--data-binary", "@-", f"{URL}/metrics/job/flowgauge/instance/here{more}", input="another 1\n")
    watched = pushing({"method": "POST"})
    succeeds(watched)
    assert {"another", "flowgauge_seen_packets_total"} <= set(gateway.group(job="flowgauge", instance="here"))
    watched.stop()
    assert [dict(labels) for labels in gateway.groups()] == [{"job": "flowgauge", "instance": "here", "rack": "7"}]


def test_what_is_not_there_is_absent(gateway, pushing):
    watched = pushing({"what": ["rtt", "ping"]})
    succeeds(watched)
    group = gateway.group(job="flowgauge", instance="here")
    assert not [name for name in group if name.startswith("flowgauge_seen")]


MEASURED = {"rtt": "flowgauge_rtt_seconds", "ping": "flowgauge_ping_rtt_seconds", "rates": "flowgauge_rate_mean_bytes_per_second",
            "totals": "flowgauge_seen_packets_total"}


@pytest.mark.parametrize("what", [["rtt"], ["ping"], ["rates"], list(MEASURED)], ids="-".join)
def test_what_is_measured_arrives(pair, gateway, pushing, what):
    """Each kind that is named, once it has been measured, and no other. With the old names, their labels and the mean of pings, too."""
    near, far = pair
    config = {"ping": {"hosts": ["10.1.0.1"], "interval": 0.05}, "rate": {"estimation_interval": 0.5}, "legacy_metrics": True}
    watched = pushing({"what": what}, config=config)
    near.run("ping", "-c", "20", "-i", "0.01", "-q", "10.1.0.2")
    wanted = {MEASURED[kind] for kind in what} | ({"avg_rtt"} if "ping" in what else set())
    wait_for(lambda: wanted <= set(gateway.group(job="flowgauge", instance="here") or ()), f"{wanted} at the Pushgateway")
    group = gateway.group(job="flowgauge", instance="here")
    assert not [name for kind, name in MEASURED.items() if kind not in what and name in group]
    assert ("avg_rtt" in group) <= ("ping" in what)
    if "rtt" in what:
        labels = {"src": "10.1.0.1", "dst": "10.1.0.2", "Source_IP": "10.1.0.1", "Destination_IP": "10.1.0.2", "method": "icmp"}

        def counts():
            return [value for found, value in gateway.samples()["flowgauge_rtt_seconds_count"] if labels.items() <= found.items()]

        wait_for(lambda: counts() == [20], "all round trips")
    watched.stop()
    assert gateway.groups() == {}


def test_promtool_accepts_the_counts_of_pushes(gateway, pushing):
    watched = pushing({})
    succeeds(watched)
    body = watched.get("/metrics")[2]
    assert b"flowgauge_push_last_success_timestamp_seconds" in body
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, b"")


# --- when it goes wrong ---


def test_gone_and_back(gateway, pushing):
    watched = pushing({})
    succeeds(watched)
    gateway.stop()
    fails(watched, "connect")
    watched.settle()
    assert count(watched, "flowgauge_push_up") == 0
    gateway.start()
    succeeds(watched, 2)
    assert count(watched, "flowgauge_push_up") == 1
    gateway.stop()
    wait_for(lambda: count(watched, "flowgauge_push_up") == 0, "it fails again")
    said = [line.split(": ", 1)[1] for line in lines(watched, "push")]
    assert [line.split()[0] + " " + ("fail" if "fail:" in line else "go") for line in said] == \
        ["pushing go", "pushes fail", "pushes go", "pushes fail"], said
    watched.stop()
    assert len(lines(watched, "could not be deleted")) == 1


def test_one_that_never_answers_delays_nothing(pair, pushing):
    with pair[1].socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", GATEWAY))
        silent.listen(8)
        watched = pushing({})
        wait_for(lambda: count(watched, "flowgauge_push_skipped_total") >= 2, "pushes are left out")
        times = set()

        def ten_reports():
            times.add(watched.json("/api/v1/totals")["time"])
            return len(times) >= 10

        wait_for(ten_reports, "ten reports")
        watched.stop()
    assert len(lines(watched, "was not deleted within")) == 1, watched.log.read_text()


def test_what_the_gateway_says_is_shown(pair, gateway, pushing):
    """A metric of another type under the same name: the Pushgateway refuses it and says why."""
    pair[1].run("curl", "-sf", "--data-binary", "@-", f"{URL}/metrics/job/other",
                input="# TYPE flowgauge_seen_packets_total gauge\nflowgauge_seen_packets_total 1\n")
    watched = pushing({})
    fails(watched, "http")
    (line,) = lines(watched, "it answers 400")
    assert "flowgauge_seen_packets_total" in line


@pytest.mark.parametrize("settings, part", [
    ({"tls": {"ca": "/nowhere/ca.crt"}}, "pushgateway.tls.ca: /nowhere/ca.crt: No such file or directory"),
    ({"basic_auth": {"username": "a", "password_file": "/nowhere/p"}}, "pushgateway.basic_auth.password_file: /nowhere/p"),
    ({"basic_auth": {"username": "a", "password_file": "/dev/zero"}}, "/dev/zero: not a file"),
])
def test_files_that_are_not_there(pair, place, settings, part):
    from hosts import FLOWGAUGE
    config = place / "config.json"
    config.write_text(json.dumps({"pushgateway": {"url": URL, **settings}}))
    result = pair[1].run(FLOWGAUGE, "-c", config, "-i", "veth0", "--control", place / "sock", "--listen", "off",
                         check=False)
    assert result.returncode == 1
    assert part in result.stderr and result.stderr.count("\n") == 1, result.stderr
