# SPDX-License-Identifier: BSD-2-Clause
"""The rate monitor's records on their ways out: --json, the file, the TCP port, Prometheus; and what becomes of them when
a disk is full or a peer is not there."""
import contextlib
import json
import re
import signal
import socket
import threading

import pytest

from hosts import FLOWGAUGE, end_process, receiver, run, wait_for, without_noise
from texts import time_of

QUICK = {"estimation_interval": 0.2, "meter_interval": 0.2, "link_speed": 100}
ORIGINAL = ["interface", "linerate", "alarm_trigger_value", "cutoff", "tx", "var_tx", "mu_tx", "sigma2_tx",
            "overload_risk_tx", "alarm_tx", "rx", "var_rx", "mu_rx", "sigma2_rx", "overload_risk_rx", "alarm_rx",
            "sample_rate", "estimation_interval", "meter_interval"]


def records(path):
    """The file's lines, each of which must be a whole JSON object; the last one too."""
    if not path.exists():
        return []
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def rates(path):
    return [record for record in records(path) if record.get("type") == "rate"]


def check_record(record):
    assert [key for key in record if key in ORIGINAL] == ORIGINAL
    assert list(record)[:2] == ["type", "timestamp"]
    time_of(record["timestamp"])
    assert (record["linerate"], record["cutoff"], record["alarm_trigger_value"]) == (12500000, 0.99, 95)
    assert record["alarm_tx"] in (True, False) and isinstance(record["overload_risk_rx"], (int, float))


class Collector:
    """Takes connections and keeps what came through each, until it is told to refuse or to let them hang."""

    def __init__(self, host):
        self.received, self.host, self.number = [], host, None
        self._listener = None

    def listen(self):
        self._listener = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.number or 0))
        self.number = self._listener.getsockname()[1]
        self._listener.listen(64)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
        return self

    def _serve(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(20)
                got = b""
                with connection, contextlib.suppress(OSError):
                    while piece := connection.recv(65536):
                        got += piece
                self.received.append(got)

    def end(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def collector(pair):
    made = Collector(pair[1]).listen()
    yield made
    made.end()


def test_file_and_tcp_have_every_record(pair, monitor, place, collector):
    without_noise(*pair)
    path = place / "rates.json"
    config = {"rate": QUICK | {"file": str(path), "tcp": f"127.0.0.1:{collector.number}"}}
    watched = monitor("-i", "veth0", "-t", "0.2", config=config)
    wait_for(lambda: len(rates(path)) > 4, "records in the file")
    watched.stop()
    wait_for(lambda: len(collector.received) >= len(records(path)), "the last record through TCP")
    written = records(path)
    assert list(written[0]) == ["initialized"] and list(written[-1]) == ["exited"]
    time_of(written[0]["initialized"])
    for record in written[1:-1]:
        check_record(record)
    lines = sorted(path.read_bytes().splitlines(keepends=True))
    assert sorted(collector.received) == lines, "one connection a record, and the same records"


def test_rotation_by_rename_and_sighup(pair, monitor, place):
    path, old = place / "rates.json", place / "rates.json.1"
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK | {"file": str(path)}})
    wait_for(lambda: rates(path), "a record")
    path.rename(old)
    count = len(records(old))
    wait_for(lambda: len(records(old)) > count, "a record in the renamed file: nobody said that it was renamed")
    watched.process.send_signal(signal.SIGHUP)
    wait_for(lambda: rates(path), "a record in a new file")
    count = len(records(old))
    wait_for(lambda: len(rates(path)) > 2, "records in the new file")
    assert len(records(old)) == count


def lost(watched, sink):
    metrics = watched.metrics()
    return {labels["sink"]: value for labels, value in metrics["flowgauge_rate_lost_records_total"]}[sink]


def test_a_full_disk_loses_records_and_recovers(pair, monitor, place):
    disk = place / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    try:
        path, filler = disk / "rates.json", disk / "filler"
        watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK | {"file": str(path)}})
        wait_for(lambda: rates(path), "a record")
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as stream:
            while True:
                stream.write(4096 * b"x")
        wait_for(lambda: lost(watched, "file") > 3, "records lost")
        count = len(records(path))  # whole lines only
        assert watched.get("/-/healthy")[0] == 200
        filler.unlink()
        wait_for(lambda: len(records(path)) > count + 2, "records again")
        watched.stop()
        log = watched.log.read_text()
        assert log.count("No space left") == 1 and "is written again" in log
        assert list(records(path)[-1]) == ["exited"]
    finally:
        run("umount", "-l", disk)


def test_a_file_that_cannot_be_is_no_reason_to_end(pair, monitor, place):
    path = place / "missing" / "rates.json"
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK | {"file": str(path)}})
    wait_for(lambda: lost(watched, "file") > 1, "records lost")
    path.parent.mkdir()
    wait_for(lambda: rates(path), "records once the directory is there")


def test_a_peer_that_refuses_costs_its_records_only(pair, monitor, place, collector):
    path = place / "rates.json"
    collector.end()
    config = {"rate": QUICK | {"file": str(path), "tcp": f"127.0.0.1:{collector.number}"}}
    watched = monitor("-i", "veth0", "-t", "0.2", config=config)
    wait_for(lambda: lost(watched, "tcp") > 3, "records lost")
    count = len(rates(path))
    wait_for(lambda: len(rates(path)) > count, "the file goes on")
    collector.listen()
    wait_for(lambda: collector.received, "a record")
    watched.stop()
    log = watched.log.read_text()
    assert log.count("rate.tcp: cannot send") == 1 and "takes records again" in log
    collector.end()


def test_a_peer_that_hangs_costs_nothing_else(pair, monitor, place):
    """Its queue is full, so connections to it are never answered."""
    path = place / "rates.json"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(pair[1].socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        number = listener.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(pair[1].socket(socket.AF_INET, socket.SOCK_STREAM))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", number))
        config = {"rate": QUICK | {"file": str(path), "tcp": f"127.0.0.1:{number}"}}
        watched = monitor("-i", "veth0", "-t", "0.2", config=config)
        wait_for(lambda: lost(watched, "tcp") > 1, "records lost")
        count = len(rates(path))
        wait_for(lambda: len(rates(path)) > count, "the file goes on")
        watched.stop()


def test_prometheus_and_json_lines(pair, monitor):
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--json", config={"rate": QUICK})
    with receiver(pair[1], 5001):
        pair[0].send_udp("10.1.0.2", 5001, count=2000, size=958, gap_us=500)
    wait_for(lambda: "flowgauge_rate_overload_risk_ratio" in watched.metrics(), "an estimate")
    metrics = watched.metrics()
    labels = {"interface": "veth0", "direction": "ingress"}
    for name in ("mean_bytes_per_second", "variance", "mu", "sigma_squared", "overload_risk_ratio", "above_cutoff_ratio",
                 "alarm", "capacity_bytes_per_second"):
        assert [value for found, value in metrics[f"flowgauge_rate_{name}"] if found == labels], name
    windows = {found["window"] for found, _ in metrics["flowgauge_rate_peak_bytes_per_second"]}
    assert windows == {"1ms", "10ms", "100ms"}
    assert metrics["flowgauge_rate_capacity_bytes_per_second"][0][1] == 12500000
    result = run("promtool", "check", "metrics", input=watched.get("/metrics")[2].decode(), check=False)
    assert not [line for line in (result.stdout + result.stderr).splitlines() if "flowgauge_rate" in line]
    wait_for(lambda: '"type":"rate"' in watched.output.read_text(), "a record on standard output")
    lines = [json.loads(line) for line in watched.output.read_text().splitlines()[:-1]]
    for record in lines:
        if record["type"] == "rate":
            check_record(record)
    assert watched.json("/api/v1/rates")["rates"][0]["interface"] == "veth0"


def test_the_mean_is_what_was_sent(pair, monitor):
    """Over an interval that holds all of it: bytes on the wire, by the sender's own count."""
    without_noise(*pair)
    config = {"rate": {"estimation_interval": 4, "meter_interval": 1, "link_speed": 100}}
    watched = monitor("-i", "veth0", "-t", "0.2", config=config)
    with receiver(pair[1], 5001):
        sent = pair[0].send_udp("10.1.0.2", 5001, count=1000, size=958, gap_us=100)
    assert sent["packets"] == 1000

    def found():
        means = [value for labels, value in watched.metrics().get("flowgauge_rate_mean_bytes_per_second", [])
                 if labels["direction"] == "ingress"]
        return means and means[0]
    assert wait_for(found, "an estimate") * 4 == pytest.approx(1000 * 1000, rel=1e-3)


def test_it_can_be_off(pair, monitor):
    watched = monitor("-i", "veth0", config={"rate": {"enabled": False}})
    assert not [name for name in watched.metrics() if name.startswith("flowgauge_rate_")]
    assert watched.json("/api/v1/rates")["enabled"] is False
    assert watched.controller("pause", check=False).returncode == 1


def test_alarm_has_a_state_a_time_and_a_line(pair, monitor):
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK | {"link_speed": 0.1, "cutoff": 10,
                                                                            "alarm_trigger": 20}})
    with receiver(pair[1], 5001):
        pair[0].send_udp("10.1.0.2", 5001, count=3000, size=958, gap_us=500)
    wait_for(lambda: "alarm over: veth0 ingress" in watched.log.read_text(), "the alarm is over")
    assert re.search(r"alarm: veth0 ingress: the overload risk is [0-9.]+ %, over 20 %", watched.log.read_text())
    watched.settle()
    record = watched.json("/api/v1/rates")["rates"][0]
    assert record["alarm_rx"] is False
    time_of(record["alarm_changed_rx"])


def test_speed_of_the_interface_and_the_warning_without_one(pair, monitor):
    pair[1].ip("link", "add", "bridge0", "type", "bridge")  # without a port it has no speed
    pair[1].ip("link", "set", "bridge0", "up")
    without_noise(*pair)
    watched = monitor("-i", "veth0,bridge0", "-t", "0.2", config={"rate": {"estimation_interval": 0.2}})
    wait_for(lambda: all(record["rx"] is not None for record in watched.json("/api/v1/rates")["rates"]), "estimates")
    by_name = {record["interface"]: record for record in watched.json("/api/v1/rates")["rates"]}
    assert by_name["veth0"]["linerate"] == 10000 * 125000, "veth says 10 Gbit/s"
    assert by_name["veth0"]["overload_risk_rx"] == 0
    assert by_name["bridge0"]["linerate"] is None and by_name["bridge0"]["overload_risk_rx"] is None
    assert watched.log.read_text().count("bridge0: its speed is not known") == 1


def test_flowgauge_rate(pair, place, collector):
    """The mode with the flags of old: file, port, and the standard control port; ended by the protocol."""
    import rate_client
    path, log = place / "rates.json", place / "log"
    with open(log, "wb") as stream:
        process = pair[1].start(FLOWGAUGE, "rate", "-i", "veth0", "-f", path, "-g", "127.0.0.1", "-b", collector.number,
                                "-s", 2000, "-e", 0.2, "-m", 0.4, "-k", 100, "-a", 90, "-o", 80,
                                "--control", place / "control", stdout=stream, stderr=stream)
    wait_for(lambda: rates(path) or process.poll() is not None, "a record")
    assert process.poll() is None, log.read_text()
    record = rates(path)[0]
    assert (record["sample_rate"], record["estimation_interval"], record["meter_interval"], record["linerate"],
            record["alarm_trigger_value"], record["cutoff"]) == (2000, 0.2, 0.4, 12500000, 90, 0.8)
    assert record["bins_rx"] == 400
    assert rate_client.ask(pair[1], exit=True) == {"exit": "ok"}
    assert process.wait(20) == 0
    assert list(records(path)[-1]) == ["exited"]
    wait_for(lambda: any(b'"exited"' in got for got in collector.received), "the last record through TCP")


def test_flowgauge_rate_without_a_sink_prints(pair, place):
    process = pair[1].start(FLOWGAUGE, "rate", "-i", "veth0", "-e", 0.2, "-m", 0.2, "--control", place / "control",
                            "--duration", 2, stdout=open(place / "out", "wb"), stderr=open(place / "log", "wb"))
    assert process.wait(30) == 0, (place / "log").read_text()
    lines = [json.loads(line) for line in (place / "out").read_text().splitlines()]
    assert lines and all(record["type"] == "rate" for record in lines)
    end_process(process)


@pytest.mark.parametrize("words, said", [
    (["-w", "secret"], "openstack"), (["-s", "5"], "-s"), (["-g", "h"], "-b"), (["-x"], "-x"), (["-e"], "-e"),
    (["-i", "nowhere0"], "nowhere0"), (["-e", "0.1", "-s", "10"], "estimation_interval"), (["veth0"], "veth0"),
])
def test_wrong_words_of_flowgauge_rate(pair, place, words, said):
    result = pair[1].run(FLOWGAUGE, "rate", *words, "--control", place / "control", check=False)
    assert result.returncode == (1 if "nowhere0" in words else 2)
    assert said in result.stderr and "secret" not in result.stderr and result.stderr.count("\n") == 1
