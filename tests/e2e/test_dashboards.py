# SPDX-License-Identifier: BSD-2-Clause
"""prometheus_grafana/ as shipped: the real Prometheus scrapes a monitor that watches traffic of every kind, and
evaluates each query of the dashboard as Grafana would ask it. In a network namespace the shipped files work word for
word, since their addresses on loopback are free there."""
import json
import math
import pathlib
import re
import tempfile
import time
import urllib.parse

import pytest

import hosts
from hosts import ROOT, Monitor, join, namespaces, receiver, run, wait_for

yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")

SHIPPED = ROOT / "prometheus_grafana"
DASHBOARD = json.loads((SHIPPED / "grafana" / "dashboards" / "flowgauge.json").read_text(encoding="utf-8"))
UID = "flowgauge-prometheus"
PLAIN, NUMBERED = 5001, 5002  # ports of the streams without and with sequence numbers
OFFSET = 100  # beyond the plain stream's payload

# What Grafana puts in for an interval, in a panel of 15 minutes.
MACROS = {"__rate_interval": "20s", "__interval": "5s", "__range": "60s", "__range_s": "60", "__interval_ms": "5000"}

# Queries that may find nothing, though there is traffic of every kind.
MAY_BE_EMPTY = {
    "annotation Alerts": "nothing is wrong, so no alert fires",
}


def panels():
    for panel in DASHBOARD["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries():
    """(what it belongs to, expression, legend) of each panel, and of each annotation."""
    for panel in panels():
        for target in panel.get("targets", []):
            yield f"panel {panel['title']} {target['refId']}", target["expr"], target["legendFormat"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"], annotation["titleFormat"]


QUERIES = list(queries())
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
CUSTOM = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "custom"}
ALL = {variable["name"]: variable["allValue"] for variable in VARIABLES}
SOME = {
    "instance": "127\\\\.0\\\\.0\\\\.1:8080",
    "interface": "(veth0|eth0)",
    "direction": "(ingress|egress)",
    "protocol": "(TCP|UDP|ICMP|ICMPv6)",
}


def substituted(expression, choice):
    """As Grafana asks it; a variable that it does not know would reach Prometheus as it stands."""
    values = {**MACROS, **{name: variable["current"]["value"] for name, variable in CUSTOM.items()}, **choice}

    def value(match):
        name = match[1] or match[2]
        assert name in values, f"{name} is no variable of the dashboard, nor one of Grafana's: {expression}"
        return values[name]

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, expression)


class Prometheus:
    PORT = 9090

    def __init__(self, host, directory):
        self.host = host
        self._log = open(directory / "prometheus.log", "wb")
        words = (f"--config.file={SHIPPED / 'prometheus' / 'prometheus.yml'}",
                 f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{self.PORT}")
        self.process = host.start("prometheus", *words, stdout=self._log, stderr=self._log)

    def is_ready(self):
        assert self.process.poll() is None, pathlib.Path(self._log.name).read_text()
        try:
            return self.host.get(self.PORT, "/-/ready")[0] == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        status, _, body = self.host.get(self.PORT, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(body)
        assert status == 200, f"{parameters}: {answer}"
        return answer["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def end(self):
        hosts.end_process(self.process)
        self._log.close()


def traffic(near, far):
    """Every kind in both directions for as long as the tests ask, in processes that end with their hosts."""
    long = {"gap_us": 4000, "count": 150000}
    for sender, address in ((near, "10.1.0.2"), (far, "10.1.0.1")):
        words = [f"{name}={value}" for name, value in long.items()]
        sender.start(hosts.UDP_SEND, address, PLAIN, "size=64", *words, stdout=-3)
        # Steps of 2: half of the numbers are lost.
        sender.start(hosts.UDP_SEND, address, NUMBERED, "size=400", f"offset={OFFSET}", "step=2", *words, stdout=-3)
        sender.start("ping", "-q", "-i", "0.1", address, stdout=-3)
    # The second is a router to what lies behind the first, and the packets' lives end there.
    far.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    far.ip("route", "add", "10.9.0.0/24", "via", "10.1.0.1")
    near.ip("route", "add", "10.9.0.0/24", "via", "10.1.0.2")
    near.start("ping", "-q", "-i", "0.5", "-t", "1", "10.9.0.9", stdout=-3)
    server = far.start("iperf3", "--server", "--one-off", stdout=-3)
    wait_for(lambda: far.run("ss", "-Hltn", "sport", "=", ":5201").stdout, "iperf3 listens")
    near.start("iperf3", "--client", "10.1.0.2", "--bidir", "--bitrate", "20M", "--time", "600", stdout=-3)
    return server


@pytest.fixture(scope="module")
def prometheus(able):
    config = {"OFFSET": OFFSET, "metrics": {"bpf_run_time": True}, "max_flows": 1024, "rate": {"estimation_interval": 2},
              "ping": {"hosts": ["10.1.0.1"], "interval": 0.5}}
    with tempfile.TemporaryDirectory(prefix="fgt-") as name, namespaces(2) as (near, far):
        directory = pathlib.Path(name)
        join(near, far, "veth0", 1)
        watched = Monitor(far, directory, "-i", "veth0", config=config).start()
        with receiver(far, PLAIN, count=2), receiver(near, PLAIN, count=2):
            traffic(near, far)
            kinds = {"TCP", "UDP", "ICMP"}
            wait_for(lambda: kinds <= {flow["protocol"] for flow in watched.flows()}, "traffic of every kind")
            served = Prometheus(far, directory)
            try:
                wait_for(served.is_ready, "Prometheus is ready")
                # So many scrapes that each rate interval holds two of each series.
                wait_for(lambda: served.query('count_over_time(up{job="flowgauge"}[1m]) >= 5'), "five scrapes")
                served.moment = time.time()
                yield served
            finally:
                served.end()


@pytest.mark.parametrize("choice", [ALL, SOME], ids=["all", "some"])
@pytest.mark.parametrize("what, expression, legend", QUERIES, ids=[what for what, _, _ in QUERIES])
def test_query(prometheus, what, expression, legend, choice):
    result = prometheus.query(substituted(expression, choice))
    if what in MAY_BE_EMPTY:
        return
    assert any(not math.isnan(float(series["value"][1])) for series in result), f"{expression}: {result}"
    wanted = set(re.findall(r"\{\{(\w+)\}\}", legend))
    for series in result:
        assert wanted <= set(series["metric"]), f"the legend {legend} has names that {series['metric']} has not"


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable["name"])
def test_variable(prometheus, variable):
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
    values = prometheus.ask(f"label/{label}/values", **{"match[]": substituted(selector, ALL)})
    expected = {"instance": {"127.0.0.1:8080"}, "interface": {"veth0"}, "direction": {"ingress", "egress"},
                "protocol": {"TCP", "UDP", "ICMP"}}
    assert expected[variable["name"]] <= set(values), values


def values_of(prometheus, title):
    expressions = [expression for what, expression, _ in QUERIES if what.startswith(f"panel {title} ")]
    assert expressions, title
    return [float(series["value"][1]) for expression in expressions
            for series in prometheus.query(substituted(expression, ALL))]


def test_nothing_is_unaccounted(prometheus):
    for title in ("Unaccounted", "Unaccounted packets"):
        assert set(values_of(prometheus, title)) == {0}


def test_values_are_of_the_traffic(prometheus):
    """Half of the numbers of the numbered streams are lost; no stream is without its flow."""
    assert max(values_of(prometheus, "Loss ratio of the flows that lose most")) == pytest.approx(0.5, abs=0.05)
    assert len(values_of(prometheus, "Throughput of the top flows")) == 10
    assert all(value > 0 for value in values_of(prometheus, "BPF time a packet"))
    assert values_of(prometheus, "Monitor") == [1]


def test_round_trips_pings_and_rates_are_of_the_traffic(prometheus):
    """Two hosts a veth apart: what a monitor on one of them sees of the other is some microseconds, and nothing is lost."""
    assert {series["metric"]["method"] for series in prometheus.query("flowgauge_rtt_seconds_count > 5")} >= {"icmp", "tcp_timestamp"}
    assert all(0 < value < 1 for value in values_of(prometheus, "Median round-trip time of the slowest pairs"))
    assert values_of(prometheus, "Pings: loss") == [0]
    hops = {(series["metric"]["hop"], series["metric"]["dst"]) for series in prometheus.query("flowgauge_icmp_time_exceeded_total")}
    assert hops == {("10.1.0.2", "10.9.0.9")}
    assert min(values_of(prometheus, "Mean and peak rate")) > 1e5


def test_every_rule_is_evaluated(prometheus):
    def rules():
        return prometheus.ask("rules")["groups"][0]["rules"]

    assert len(rules()) == 9
    # "0001-01-01…" until it has been.
    wait_for(lambda: all(rule["lastEvaluation"] > "2" for rule in rules()), "each rule has been evaluated")
    for rule in rules():
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule
        assert rule["state"] == "inactive", rule


# --- the files ---


def test_compose_file(tmp_path):
    config = yaml.safe_load(run("docker-compose", "-f", SHIPPED / "docker-compose.yml", "config").stdout)
    assert set(config["services"]) == {"prometheus", "grafana"}
    for service in config["services"].values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), "a tag that always means the same"
        assert service["network_mode"] == "host"
        assert service["healthcheck"]["test"]
        for volume in service["volumes"]:
            source, _, mode = volume.partition(":")
            assert source in config["volumes"] or (pathlib.Path(source).exists() and mode.endswith(":ro")), volume
    assert "--web.listen-address=127.0.0.1:9090" in config["services"]["prometheus"]["command"]
    grafana = config["services"]["grafana"]["environment"]
    assert (grafana["GF_SERVER_HTTP_ADDR"], grafana["GF_SERVER_HTTP_PORT"]) == ("127.0.0.1", "3000")


def test_promtool_accepts():
    run("promtool", "check", "config", SHIPPED / "prometheus" / "prometheus.yml")
    assert "9 rules found" in run("promtool", "check", "rules", SHIPPED / "prometheus" / "alerts.yml").stdout


LEDGER = 'instance="m:8080", job="flowgauge", interface="eth0", direction="ingress"'
OUTCOMES = ("flow", "overflow", "filtered", "unparsed", "non_ip")


def ledger_series(seen="0+1000x60", **outcomes):
    yield {"series": f"flowgauge_seen_packets_total{{{LEDGER}}}", "values": seen}
    for outcome in OUTCOMES:
        name = f'flowgauge_outcome_packets_total{{{LEDGER}, outcome="{outcome}"}}'
        yield {"series": name, "values": outcomes.get(outcome, "0x60")}


def gauge(name, value, labels='instance="m:8080", job="flowgauge"'):
    return {"series": f"{name}{{{labels}}}", "values": f"{value}x60"}


def freed(reason, values):
    labels = f'instance="m:8080", job="flowgauge", reason="{reason}"'
    return {"series": f"flowgauge_flows_freed_total{{{labels}}}", "values": values if isinstance(values, str) else f"{values}x60"}


PINGED = 'instance="m:8080", job="flowgauge", dest="a", address="192.0.2.1"'
UP, HOOK = gauge("up", 1), gauge("flowgauge_hook_info", 1, LEDGER + ', hook="tcx"')
ALERT_CASES = {
    "FlowgaugeDown": ([gauge("up", 0), HOOK], [UP, HOOK]),
    "FlowgaugeWatchesNothing": ([UP], [UP, HOOK]),
    "FlowgaugeOverflow": (list(ledger_series(flow="0+900x60", overflow="0+100x60")),
                          list(ledger_series(flow="0+1000x60"))),
    "FlowgaugeTableNearlyFull": ([freed("pressure", "0+100x60")], [freed("pressure", 5), freed("idle", "0+100x60")]),
    "FlowgaugeUnparsed": (list(ledger_series(flow="0+950x60", unparsed="0+50x60")),
                          list(ledger_series(flow="0+995x60", unparsed="0+5x60"))),
    "FlowgaugeRttOverflow": ([gauge("flowgauge_rtt_overflow_packets_total", "0+100")], [gauge("flowgauge_rtt_overflow_packets_total", 7)]),
    "FlowgaugePingDown": ([gauge("flowgauge_ping_up", 0, PINGED)], [gauge("flowgauge_ping_up", 1, PINGED)]),
    "FlowgaugeRateAlarm": ([gauge("flowgauge_rate_alarm", 1, LEDGER)], [gauge("flowgauge_rate_alarm", 0, LEDGER)]),
    "FlowgaugeLedgerUnbalanced": (list(ledger_series(flow="0+999x60")), list(ledger_series(flow="0+1000x60"))),
}


def is_firing(tmp_path, alert, series):
    """What promtool's own evaluation says after half an hour of such series."""
    firing = {"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)', "eval_time": "30m",
              "exp_samples": [{"labels": "{}", "value": 1}]}
    test = {"rule_files": [str(SHIPPED / "prometheus" / "alerts.yml")], "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [firing]}]}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(test))
    result = run("promtool", "test", "rules", path, check=False)
    assert result.returncode == 0 or "got:" in result.stdout + result.stderr, result.stdout + result.stderr
    return result.returncode == 0


def test_alerts_fire_when_they_should(tmp_path):
    rules = yaml.safe_load((SHIPPED / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == set(ALERT_CASES)
    for alert, (bad, good) in ALERT_CASES.items():
        assert is_firing(tmp_path, alert, bad), alert
        assert not is_firing(tmp_path, alert, good), alert


def references(node):
    if isinstance(node, dict):
        if "datasource" in node:
            yield node["datasource"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def shipped(*path):
    return yaml.safe_load(SHIPPED.joinpath(*path).read_text(encoding="utf-8"))


def test_dashboard_refers_to_the_provisioned_source():
    source = shipped("grafana", "provisioning", "datasources", "prometheus.yml")["datasources"][0]
    assert (source["uid"], source["url"]) == (UID, "http://127.0.0.1:9090")
    scraped = shipped("prometheus", "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
    found = list(references(DASHBOARD))
    assert len(found) > len(QUERIES)
    assert all(reference == {"type": "prometheus", "uid": UID} for reference in found)


def test_dashboard_is_where_grafana_looks():
    path = shipped("grafana", "provisioning", "dashboards", "flowgauge.yml")["providers"][0]["options"]["path"]
    grafana = shipped("docker-compose.yml")["services"]["grafana"]
    assert f"./grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/flowgauge.json"


def test_dashboard_is_whole():
    assert {"interface", "protocol"} <= {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in panels():
        place = panel["gridPos"]
        across, down = (range(place[start], place[start] + place[size]) for start, size in ("xw", "yh"))
        cells = {(x, y) for x in across for y in down}
        assert across.stop <= 24 and not cells & taken, f"{panel['title']} overlaps"
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["title"] and panel["description"] and panel["targets"], panel["title"]
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
