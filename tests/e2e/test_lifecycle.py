# SPDX-License-Identifier: BSD-2-Clause
"""The monitor as its user meets it: started, asked, reloaded, stopped, killed and started again."""
import json
import pathlib
import re
import signal
import subprocess
import time

import pytest

from hosts import (CONTROLLER, FLOWGAUGE, UDP_SEND, Monitor, balanced, receiver, wait_for, wait_until_nothing_is_attached,
                   without_noise)

PORT = 5001
FAILED, NOT_RUNNING = 1, 3


def has_ended(pid):
    """Whoever adopted it may take its time to hear of it: a zombie has ended, too."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


# --- start, status, flows, logs, stop ---


def test_detached(pair, place):
    near, far = pair
    watched = Monitor(far, place, "-i", "veth0", "-t", "0.2")

    result = watched.controller("status", check=False)
    assert (result.returncode, result.stdout) == (NOT_RUNNING, "flowgauge is not running\n")

    result = far.run(CONTROLLER, "start", "--detached", *watched.words, stdin=subprocess.DEVNULL)
    pid = int(re.fullmatch(r"flowgauge is running, pid (\d+)\n", result.stdout)[1])
    assert result.stderr == ""
    watched.wait_until_ready()

    result = watched.controller("status")
    assert f"is running, pid {pid}, since 20" in result.stdout
    memory = re.search(r"^\d+ of 65536 flows, in (\d+\.\d) MiB of kernel memory$", result.stdout, re.MULTILINE)[1]
    assert re.search(r"veth0 +ingress +(tcx|clsact)", result.stdout), result.stdout
    assert re.search(r"veth0 +egress +(tcx|clsact)", result.stdout), result.stdout
    status = json.loads(watched.controller("status", "--json").stdout)
    assert (status["running"], status["pid"], status["ready"]) == (True, pid, True)
    assert [interface["name"] for interface in status["interfaces"]] == ["veth0"]
    assert json.loads(watched.get("/api/v1/status")[2])["pid"] == pid

    with receiver(far, PORT, count=3):
        near.send_udp("10.1.0.2", PORT, count=300, size=100, ports=3)
    watched.settle()
    shown = watched.controller("flows").stdout
    assert all(f"10.1.0.2:{PORT + i} " in shown for i in range(3)), shown
    assert len(json.loads(watched.controller("flows", "--json", "--top", "2").stdout)["flows"]) == 2
    assert "more flow" in watched.controller("flows", "--top", "2").stdout

    assert round(status["table_bytes"] / (1 << 20), 1) == float(memory)
    assert watched.metrics()["flowgauge_table_bytes"] == [({}, status["table_bytes"])]
    assert 0 < status["table_bytes"] <= 256 * 65536 + 5 * 4096, "256 bytes a flow, and whole pages"
    assert watched.json("/api/v1/flows")["flows_live"] >= 3

    logs = watched.controller("logs").stdout
    assert f"room for 65536 flows, in {memory} MiB of kernel memory" in logs
    assert "watching veth0 ingress by" in logs
    assert watched.controller("logs", "--lines", "1").stdout.count("\n") == 1
    watched.controller("reload")
    line = watched.controller("logs", "--lines", "1").stdout
    assert re.fullmatch(r"20[0-9]{2}-[0-9-]+T[0-9:.]+Z flowgauge: reloaded [^\n]+\n", line), line

    assert watched.controller("stop").stdout == f"flowgauge has ended, pid {pid}\n"
    assert has_ended(pid)
    assert watched.controller("status", check=False).returncode == NOT_RUNNING
    result = watched.controller("stop", check=False)
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert re.fullmatch(r"monitor_controller: cannot reach [^\n]+: none runs there: start one[^\n]+\n", result.stderr), result.stderr
    assert re.fullmatch(r"monitor_controller: [^\n]*" + re.escape(str(watched.control)) + r"[^\n]*\n", result.stderr)
    wait_until_nothing_is_attached(far, "veth0")


def test_foreground(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", controlled=True)
    status = json.loads(watched.controller("status", "--json").stdout)
    assert status["pid"] == watched.process.pid, "start becomes the monitor"
    watched.controller("stop")
    assert watched.process.wait(15) == 0
    wait_until_nothing_is_attached(pair[1], "veth0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(pair, monitor, number):
    watched = monitor("-i", "veth0", "-t", "3600", "--json")
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=50)
    watched.process.send_signal(number)
    assert watched.process.wait(15) == 0
    flows = [json.loads(line) for line in watched.output.read_text().splitlines()]
    counted = [flow["packets"] for flow in flows if flow.get("dport") == PORT]
    assert counted == [50], "the last report holds what came since the last tick"
    assert not watched.control.exists()
    wait_until_nothing_is_attached(pair[1], "veth0")


def test_second_monitor(pair, place, monitor):
    first = monitor("-i", "veth0", "-t", "0.2")
    result = pair[1].run(FLOWGAUGE, *first.words, "--listen", "off", "--duration", "5", check=False)
    assert result.returncode == FAILED
    assert re.fullmatch(rf"flowgauge: [^\n]*\b{first.process.pid}\b[^\n]*\n", result.stderr), result.stderr
    second = monitor("-i", "veth0", "-t", "0.2", port=8081)
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=70)
    for watched in (first, second):
        assert watched.flow(dport=PORT, direction="ingress")["packets"] == 70
    second.stop()
    assert first.json("/api/v1/status")["ready"]
    assert pair[1].programs("veth0") == 2


def test_killed_and_started_again(pair, place, monitor):
    first = monitor("-i", "veth0", "-t", "0.2")
    first.process.kill()
    first.process.wait()
    wait_until_nothing_is_attached(pair[1], "veth0")
    assert first.controller("status", check=False).returncode == NOT_RUNNING
    again = Monitor(pair[1], place, "-i", "veth0", "-t", "0.2", name="monitor0").start()
    assert again.control == first.control
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=10)
    assert again.flow(dport=PORT, direction="ingress")["packets"] == 10


def test_killed_with_clsact_filters(pair, monitor):
    """Filters outlive a process; the monitor's must not."""
    watched = monitor("-i", "veth0", "-t", "0.2", "--hook", "clsact")
    assert pair[1].programs("veth0") == 2
    watched.process.kill()
    watched.process.wait()
    wait_until_nothing_is_attached(pair[1], "veth0")
    assert "clsact" not in pair[1].run("tc", "qdisc", "show", "dev", "veth0").stdout


# --- rules and reload ---


def sent_to(near, far, ports, count):
    for port in ports:
        with receiver(far, port):
            near.send_udp("10.1.0.2", port, count=count, size=100)


RELOADS = {
    "the controller": lambda watched: watched.controller("reload"),
    "SIGHUP": lambda watched: watched.process.send_signal(signal.SIGHUP),
    "HTTP": lambda watched: watched.get("/-/reload", method="POST"),
}


@pytest.mark.parametrize("way", RELOADS)
def test_rules_and_reload(pair, monitor, way):
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "in", config={"RULES": [f"- - - {PORT} UDP"]})
    sent_to(near, far, (PORT, PORT + 1), 100)
    total = watched.totals("veth0", "ingress")
    assert [flow["dport"] for flow in watched.flows()] == [PORT]
    assert total["flows"] == {"packets": 100, "bytes": 14200}
    assert total["filtered"]["packets"] >= 100

    watched.configure({"RULES": [f"- 10.1.0.0/24 - {PORT + 1} UDP"]})
    RELOADS[way](watched)
    wait_for(lambda: "reloaded" in watched.log.read_text().lower(), "the log tells of the reload")
    sent_to(near, far, (PORT, PORT + 1), 100)
    watched.settle()
    flows = {flow["dport"]: flow["packets"] for flow in watched.flows()}
    assert flows[PORT + 1] == 100
    assert flows.get(PORT, 100) == 100, "a flow that is not wanted any more counts no further"
    assert watched.totals("veth0", "ingress")["flows"]["packets"] == 200


def test_no_packet_is_uncounted_during_reload(pair, monitor):
    """Rules flip to and fro while packets flow: each is a flow's or filtered, in every report."""
    near, far = pair
    without_noise(near, far)
    rules = [["- - - - TCP"], [f"- - - {PORT} UDP"]]
    watched = monitor("-i", "veth0", "-t", "0.1", "--direction", "in", "--json", config={"RULES": rules[1]})
    # Settled: multicast that the hosts say when they come up would be filtered or not as the rules are, but never lost.
    before = far.counters("veth0")["rx"]["packets"] - watched.totals("veth0", "ingress")["seen"]["packets"]
    with receiver(far, PORT):
        sender = near.start(UDP_SEND, "10.1.0.2", PORT, "count=60000", "mbit=100", stdout=subprocess.DEVNULL)
        for i in range(20):
            watched.configure({"RULES": rules[i % 2]})
            watched.controller("reload")
            time.sleep(0.05)
        assert sender.wait(60) == 0
    total = watched.totals("veth0", "ingress")
    assert total["seen"]["packets"] == far.counters("veth0")["rx"]["packets"] - before
    assert total["flows"]["packets"] > 0 and total["filtered"]["packets"] > 0
    assert total["seen"]["packets"] >= 60000
    watched.stop()
    reports = [json.loads(line) for line in watched.output.read_text().splitlines()]
    totals = [balanced(record) for record in reports if record["type"] == "total"]
    assert len(totals) > 10


def test_bad_reload_changes_nothing(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", config={"RULES": [f"- - - {PORT} UDP"]})
    watched.config.write_text('{\n"RULES": ["- - - - [TCP, UDP]"]\n}')
    result = watched.controller("reload", check=False)
    assert result.returncode == FAILED
    assert re.fullmatch(r"monitor_controller: [^\n]*line 2[^\n]*RULES[^\n]*\n", result.stderr), result.stderr
    status, _, body = watched.get("/-/reload", method="POST")
    assert status >= 400 and b"line 2" in body
    sent_to(*pair, (PORT, PORT + 1), 10)
    assert [flow["dport"] for flow in watched.flows(protocol="UDP", direction="ingress")] == [PORT]


def test_reload_names_what_needs_a_restart(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", config={})
    watched.configure({"max_flows": 1000})
    result = watched.controller("reload")
    assert "max_flows" in result.stdout and "restart" in result.stdout


# --- interfaces that come and go ---


def names_attached(watched):
    interfaces = watched.json("/api/v1/status")["interfaces"]
    return sorted(interface["name"] for interface in interfaces if interface["attached"])


def plug(host, name, peer):
    host.ip("link", "add", name, "type", "veth", "peer", "name", peer)
    host.ip("link", "set", peer, "up")
    host.ip("link", "set", name, "up")


def test_interfaces_come_and_go(pair, monitor):
    far = pair[1]
    watched = monitor("-i", "veth0,plug*", "-t", "0.2")
    assert names_attached(watched) == ["veth0"]
    for source in (4444, 4445):
        plug(far, "plug1", "socket1")
        far.ip("addr", "add", "10.3.0.1/24", "dev", "plug1")
        far.ip("neigh", "replace", "10.3.0.77", "lladdr", "02:00:00:00:00:77", "dev", "plug1", "nud", "permanent")
        wait_for(lambda: names_attached(watched) == ["plug1", "veth0"], "plug1 is watched")
        assert far.programs("plug1") == 2
        far.send_udp("10.3.0.77", PORT, count=25, source=source)
        assert watched.flow(interface="plug1", sport=source, direction="egress")["packets"] == 25
        far.ip("link", "del", "plug1")
        wait_for(lambda: names_attached(watched) == ["veth0"], "plug1 is let go")
    watched.settle()
    totals = [total for total in watched.json("/api/v1/totals")["totals"]
              if (total["interface"], total["direction"]) == ("plug1", "egress")]
    assert sum(balanced(total)["flows"]["packets"] for total in totals) >= 2 * 25, "what it saw stays in the totals"
    plug(far, "other", "socket2")
    watched.settle()
    assert names_attached(watched) == ["veth0"], "other matches nothing"
    assert far.programs("other") == 0


# --- ways out ---


def test_json_lines(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", "--json", "--duration", "2.5")
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=2000, gap_us=500)
    assert watched.process.wait(60) == 0, "--duration ends it"
    text = watched.output.read_text()
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    totals = [balanced(record) for record in found if record["type"] == "total"]
    assert len(totals) > 10
    assert {(total["interface"], total["direction"]) for total in totals} == {("veth0", "ingress"), ("veth0", "egress")}
    flow = [record for record in found if record["type"] == "flow" and record["dport"] == PORT][-1]
    assert flow["packets"] == 2000
    assert flow["tcp"] is None and flow["rtt"] is None and flow["sequence"] is None
    wait_until_nothing_is_attached(pair[1], "veth0")


def test_lines_in_a_pipe(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", "-b", config={"OFFSET": 0, "DISPLAY": {"SEQ_ERRORS": True}})
    with receiver(pair[1], PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=500, gap_us=1000, offset=0)
    watched.settle()
    watched.stop()
    text = watched.output.read_text()
    assert "\x1b" not in text, "no escape sequences in a pipe"
    assert "10.1.0.1:" in text and f"10.1.0.2:{PORT}" in text
    assert "bit/s" in text
    assert re.search(r"lost", text, re.IGNORECASE)
    # A block of lines a tick, ended by an empty one.
    assert text.count("\n\n") >= 2


def test_nobody_reads_the_pipe(pair, place):
    """A reader that goes away ends the monitor in order; it is not killed by its own pipe."""
    watched = Monitor(pair[1], place, "-i", "veth0", "-t", "0.1")
    with open(watched.log, "wb") as log:
        process = pair[1].start(FLOWGAUGE, *watched.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) in (0, FAILED)
    wait_until_nothing_is_attached(pair[1], "veth0")
