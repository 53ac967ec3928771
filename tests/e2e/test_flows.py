# SPDX-License-Identifier: BSD-2-Clause
"""Pages of flows by HTTP and by the controller, how the controller finds its monitor, and groups of flows that come and go."""
import json
import re
import socket
import threading

import pytest

from hosts import CONTROLLER, FLOWGAUGE, UDP_OVERHEAD, receiver, run, wait_for, without_noise

PORT = 5001
FLOWS, COUNT, SIZE = 40, 2000, 100
GROUPS = [{"name": "nets", "by": ["src/24", "direction"]},
          {"name": "ports", "match": "- - - 5001-5100 UDP", "by": ["sport", "dport"], "limit": 5},
          {"name": "all"},
          {"name": "none", "match": "- - - - SCTP", "by": ["src"]}]
LABELS = {"group", "interface", "direction", "src", "dst", "sport", "dport", "protocol"}


def busy(pair):
    with receiver(pair[1], PORT, count=FLOWS):
        pair[0].send_udp("10.1.0.2", PORT, count=COUNT, size=SIZE, ports=FLOWS, offset=0, source=4001)


@pytest.fixture
def watched(pair, monitor):
    without_noise(*pair)
    made = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", config={"groups": GROUPS})
    busy(pair)
    made.settle()
    return made


def pages(watched, query):
    """The flows of all pages; asked again if a report came in between."""
    while True:
        flows, path = [], query
        while path:
            page = watched.json(f"/api/v1/flows{path}")
            flows += page["flows"]
            if page["report_changed"]:
                break
            path = page["next"]
        else:
            return page, flows


def test_pages_by_http(watched):
    page, flows = pages(watched, "?top=7&sort=-bytes&match=-+-+-+5001-5020+UDP")
    assert (page["count"], page["matched"], page["offset"]) == (FLOWS, 20, 14)
    assert sorted(flow["dport"] for flow in flows) == list(range(5001, 5021))
    gone = watched.json("/api/v1/flows?top=1&time=2001-01-01T00:00:00.000000000Z")
    assert gone["report_changed"] and len(gone["flows"]) == 1
    status, _, body = watched.get("/api/v1/flows?match=10.0.0.1/8+-+-+-+-")
    assert (status, body) == (400, b"match: source 10.0.0.1/8 has host bits set: 10.0.0.0/8 would be right\n")


def test_pages_by_the_controller(watched):
    words = ("--sort", "-bytes", "--match", "- - - 5001-5020 UDP", "--offset", "15")
    document = json.loads(watched.controller("flows", "--json", *words).stdout)
    assert (document["matched"], len(document["flows"]), document["next"]) == (20, 5, None)
    lines = watched.controller("flows", "--top", "3", *words[:4]).stdout.splitlines()
    assert len(lines) == 5 and lines[-1] == "... and 17 more flows: --offset 3 goes on, --top 20 shows all"
    for bad, said in ((("--sort", "speed"), "none of throughput, "), (("--match", "-"), "a rule of 1 field: 5 would be right")):
        result = watched.controller("flows", *bad, check=False)
        assert result.returncode == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert watched.controller("flows", "--offset", "x", check=False).returncode == 2


def test_the_document_comes_as_it_is(able, place):
    """Numbers over 2^53 keep their digits."""
    report = '{"count":1,"flows":[{"bytes":18446744073709551615,"x":1.10}]}'
    path = place / "fake.sock"

    def answer():
        client, _ = listener.accept()
        with client:
            asked.append(json.loads(client.makefile().readline()))
            client.sendall(f'{{"ok":true,"report":{report}}}\n'.encode())

    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        server = threading.Thread(target=answer)
        server.start()
        result = run(CONTROLLER, "flows", "--json", "--top", "5", "--match", '"\\\u00e4', "--control", path)
        server.join()
    assert result.stdout == report + "\n"
    assert asked == [{"command": "flows", "top": 5, "offset": 0, "match": '"\\\u00e4'}]


def test_the_controller_finds_the_socket(pair, place):
    """By the configuration, whatever else is wrong with that; --control wins."""
    config = place / "named.json"
    config.write_text(json.dumps({"control": {"socket": str(place / "named.sock")}}))
    words = ("-i", "veth0", "--listen", "off")
    pair[1].run(CONTROLLER, "start", "--detached", "-c", config, *words)
    for given in (("-c", config), ("--config", config), (f"--config={config}",), (f"-c{config}",)):
        assert pair[1].run(CONTROLLER, "status", *given).returncode == 0
    config.write_text(json.dumps({"control": {"socket": str(place / "named.sock")}, "max_flows": "broken"}))
    assert pair[1].run(CONTROLLER, "status", "-c", config).returncode == 0
    other = pair[1].run(CONTROLLER, "status", "-c", config, "--control", place / "other.sock", check=False)
    assert other.returncode == 3
    for text, said in (('{"control": {"socket": "named.sock"}}', "control.socket is no path"), ('{"control": ', "line 1"), ('', "line 1")):
        config.write_text(text)
        result = pair[1].run(CONTROLLER, "status", "-c", config, check=False)
        assert result.returncode == 2
        assert re.fullmatch(rf"monitor_controller: {re.escape(str(config))}: [^\n]*{said}[^\n]*: give --control [^\n]*\n", result.stderr)
    missing = pair[1].run(CONTROLLER, "status", "-c", place / "none.json", check=False)
    assert missing.returncode == 2 and "No such file" in missing.stderr
    pair[1].run(CONTROLLER, "stop", "--control", place / "named.sock")


def sums(metrics, group):
    return {unit: sum(value for labels, value in metrics.get(f"flowgauge_group_{unit}_total", ()) if labels["group"] == group)
            for unit in ("packets", "bytes", "payload_bytes")}


def test_groups(pair, monitor):
    """The sum over a group's series is all flows that match, to the byte: while they live, when they have ended, when they
    come again. And the largest have series of their own."""
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", config={"groups": GROUPS, "idle_timeout_seconds": 1})
    for times in (1, 2):
        busy(pair)
        watched.settle()
        for flows in (FLOWS, 0):
            if not flows:
                wait_for(lambda: watched.metrics()["flowgauge_flows"] == [({}, 0.0)], "all flows have ended")
            metrics = watched.metrics()
            sent = {"packets": times * COUNT, "bytes": times * COUNT * (SIZE + UDP_OVERHEAD[4]), "payload_bytes": times * COUNT * SIZE}
            for group in ("nets", "ports", "all"):
                assert sums(metrics, group) == sent, (times, flows, group)
            assert not sums(metrics, "none")["packets"]
    series = [labels for labels, _ in metrics["flowgauge_group_bytes_total"]]
    assert all(set(labels) == LABELS for labels in series)
    assert [labels for labels in series if labels["group"] == "nets"] == [
        {name: "" for name in LABELS} | {"group": "nets", "src": "10.1.0.0/24", "direction": "ingress"}]
    ports = [labels for labels in series if labels["group"] == "ports"]
    assert len(ports) == 6 and ports[-1] == {name: "other" for name in LABELS} | {"group": "ports"}
    records = watched.json("/api/v1/groups")["groups"]
    assert [record["group"] for record in records] == ["nets"] + 6 * ["ports"] + ["all"]
    assert sum(record["bytes"] for record in records if record["group"] == "ports") == sent["bytes"]


def test_groups_across_a_reload(pair, monitor):
    """One that is defined as before goes on."""
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", config={"groups": GROUPS})
    busy(pair)
    watched.settle()
    watched.configure({"groups": [{"name": "late", "by": ["dport"], "limit": 100}, GROUPS[0], {"name": "all", "by": ["protocol"]}]})
    assert watched.controller("reload").stdout == "reloaded\n"
    watched.settle()
    metrics = watched.metrics()
    sent = {"packets": COUNT, "bytes": COUNT * (SIZE + UDP_OVERHEAD[4]), "payload_bytes": COUNT * SIZE}
    for group in ("nets", "late", "all"):
        assert sums(metrics, group) == sent
    assert not sums(metrics, "ports")["packets"]
    watched.configure({"groups": [{"name": "bad name"}]})
    result = watched.controller("reload", check=False)
    assert result.returncode == 1 and "groups[0].name" in result.stderr
    watched.settle()
    assert sums(watched.metrics(), "late") == sent


@pytest.mark.parametrize("flag", [("-i", "veth0"), ("--listen", "off"), ("--hook", "tc"), ("--duration", "1"), ("-q",)])
def test_flags_that_do_not_apply_to_a_capture(able, place, flag):
    result = run(FLOWGAUGE, "--read", place / "none.pcap", *flag, check=False)
    assert result.returncode == 2
    assert re.fullmatch(rf"flowgauge: {flag[0]}: it is for live interfaces, [^\n]*\n", result.stderr)
