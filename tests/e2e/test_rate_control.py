# SPDX-License-Identifier: BSD-2-Clause
"""The rate monitor re-tuned while it runs: by its own JSON-over-TCP protocol, and by monitor_controller."""
import contextlib
import json

import pytest

import rate_client
from hosts import join, namespaces, wait_for, without_noise

PORT = rate_client.PORT
QUICK = {"estimation_interval": 0.2, "meter_interval": 0.2}


@pytest.fixture
def watched(pair, monitor):
    without_noise(*pair)
    return monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK, "control": {"rate_port": PORT}})


def record_of(watched, interface="veth0"):
    found = [record for record in watched.json("/api/v1/rates")["rates"] if record["interface"] == interface]
    return found[0] if found else None


def estimated(watched):
    """A record with an estimate in it."""
    return wait_for(lambda: (record := record_of(watched)) and record["rx"] is not None and record, "an estimate")


def test_commands_of_the_protocol(pair, watched):
    host = pair[1]
    estimated(watched)
    assert rate_client.ask(host, status=True) == {"status": "running"}
    assert rate_client.ask(host, pause=True) == {"paused": "ok"}
    assert rate_client.ask(host, status=True) == {"status": "paused"}
    # What was estimated is not shown as if it still were.
    wait_for(lambda: record_of(watched)["rx"] is None, "no estimate while paused")
    assert watched.json("/api/v1/rates")["paused"] is True
    assert rate_client.ask(host, resume=True, status=True) == {"resumed": "ok", "status": "running"}
    assert estimated(watched)["lost_bins_rx"] == 0, "what came while it was paused is not lost"
    assert rate_client.ask(host, exit=True) == {"exit": "ok"}
    assert watched.process.wait(20) == 0


def test_setters_echo_their_values(pair, watched):
    host = pair[1]
    assert rate_client.ask(host, sample_rate=500) == {"sample_rate": 500}
    assert rate_client.ask(host, estimation_interval=0.5, meter_interval=1) == {"estimation_interval": 0.5,
                                                                                "meter_interval": 1}
    assert rate_client.ask(host, link_speed=100) == {"linerate": 12500000}
    assert rate_client.ask(host, cutoff=90) == {"cutoff": 0.9}
    assert rate_client.ask(host, alarm_trigger="80") == {"alarm_trigger": 80}

    def taken():
        record = record_of(watched)
        return (record["sample_rate"], record["estimation_interval"], record["meter_interval"], record["linerate"],
                record["cutoff"], record["alarm_trigger_value"]) == (500, 0.5, 1, 12500000, 0.9, 80)
    wait_for(taken, "the settings in a record")
    assert estimated(watched)["bins_rx"] == 250


@pytest.mark.parametrize("request_", [{"bogus": 1}, {}, {"pause": False}, {"bogus": 1, "cutoff": 50}])
def test_unknown_options(pair, watched, request_):
    before = record_of(watched)["cutoff"]
    assert rate_client.ask(pair[1], **request_) == {"unknown option(s)": request_}
    assert rate_client.ask(pair[1], status=True) == {"status": "running"}
    assert record_of(watched)["cutoff"] == before


@pytest.mark.parametrize("request_, names", [
    ({"cutoff": 0}, "cutoff"),
    ({"cutoff": 101}, "cutoff"),
    ({"cutoff": None}, "cutoff"),
    ({"sample_rate": 9}, "sample_rate"),
    ({"sample_rate": "many"}, "sample_rate"),
    ({"interface": "nowhere0"}, "nowhere0"),
    ({"interface": ""}, "interface"),
    ({"interface": 5}, "interface"),
    ({"estimation_interval": 0.1, "sample_rate": 10}, "estimation_interval"),
    ({"pause": True, "resume": True}, "pause"),
    ({"pause": 1}, "pause"),
    # Whole or not at all: what is right beside what is wrong does not happen either.
    ({"alarm_trigger": 50, "interface": "nowhere0"}, "nowhere0"),
    ({"alarm_trigger": 50, "meter_interval": -1}, "meter_interval"),
    ({"alarm_trigger": 50, "pause": True, "cutoff": 1000}, "cutoff"),
])
def test_wrong_values_change_nothing(pair, watched, request_, names):
    answer = rate_client.ask(pair[1], **request_)
    assert list(answer) == ["error"] and names in answer["error"] and "\n" not in answer["error"]
    assert rate_client.ask(pair[1], status=True) == {"status": "running"}
    watched.settle()
    record = record_of(watched)
    assert (record["cutoff"], record["alarm_trigger_value"], record["sample_rate"]) == (0.99, 95, 1000)


@pytest.mark.parametrize("content, pieces", [
    (b'{"status":true}', 1),
    (b' \r\n\t{"status" : true}\n', 3),
    (b'{"status":true}', None),
    (b'{"status":true' + 60000 * b" " + b"}", 7000),
], ids=lambda value: repr(value)[:24])
def test_a_request_in_pieces(pair, watched, content, pieces):
    assert rate_client.raw(pair[1], content, pieces) == {"return": {"status": "running"}}


@pytest.mark.parametrize("content", [
    b"status", b"[1]", b"\0\0\0\0", b"{]", b'{"status":true}}', b'{"status":true}{"status":true}', b'{"status":tru}',
    b'{"a":"\xff\xfe"', 40000 * b"[", b"{" + 40000 * b'"a":{' + 40001 * b"}", b"{" + 70000 * b" " + b"}",
], ids=lambda content: repr(content[:20]))
def test_what_is_no_request(pair, watched, content):
    with rate_client.connect(pair[1]) as connection:
        connection.sendall(content)
        if not content.endswith(b"}"):
            connection.shutdown(1)
        answer = rate_client.take_answer(connection)
    assert list(answer["return"]) == ["error"], answer
    assert rate_client.ask(pair[1], status=True) == {"status": "running"}


def test_silent_clients_cost_nobody_anything(pair, watched):
    """More of them than there is room for, some in the middle of a request: whoever asks is answered, and they are let go."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(rate_client.connect(pair[1])) for _ in range(40)]
        for connection in silent[20:]:
            connection.sendall(b'{"status":')
        for _ in range(5):
            assert rate_client.ask(pair[1], status=True) == {"status": "running"}
        assert watched.get("/-/healthy")[0] == 200
        answer = rate_client.take_answer(silent[-1])
        assert list(answer["return"]) == ["error"], "it is told why before it is let go"
        assert silent[0].recv(100) == b""


def test_it_listens_on_loopback_only(pair, watched):
    with pair[0].socket() as connection, pytest.raises(ConnectionRefusedError):
        connection.settimeout(20)
        connection.connect(("10.1.0.2", PORT))


def test_without_the_port_nobody_listens(pair, monitor):
    monitor("-i", "veth0")
    with pytest.raises(ConnectionRefusedError):
        rate_client.connect(pair[1])


def test_another_interface_is_really_watched(able, monitor_of):
    """The programs move, and so do flows, ledger and rates: nothing is still read from the interface before."""
    with namespaces(2) as (near, far):
        join(near, far, "veth0", 1)
        join(near, far, "veth1", 2)
        without_noise(near, far)
        watched = monitor_of(far, "-i", "veth0", "-t", "0.2", config={"rate": QUICK, "control": {"rate_port": PORT}})
        estimated(watched)
        assert far.programs("veth0") and not far.programs("veth1")
        assert rate_client.ask(far, interface="nowhere0")["error"].startswith("unknown interface nowhere0")
        assert far.programs("veth0") and not far.programs("veth1")
        assert rate_client.ask(far, interface="veth1", cutoff=50) == {"interface": "veth1", "cutoff": 0.5}
        assert far.programs("veth1") and not far.programs("veth0")
        wait_for(lambda: (record := record_of(watched, "veth1")) and record["rx"] is not None, "an estimate of veth1")
        assert record_of(watched, "veth0") is None
        assert [one["name"] for one in watched.json("/api/v1/status")["interfaces"]] == ["veth1"]
        near.send_udp("10.1.0.2", 5001, count=100, size=100)
        near.send_udp("10.2.0.2", 5001, count=70, size=100)
        # 70 and no more: what came to the other interface is not seen, and comes to its port unreachable.
        assert watched.totals("veth1", "ingress")["flows"]["packets"] == 70
        watched.controller("set", "interface=veth0,veth1")
        assert far.programs("veth0") and far.programs("veth1")


def test_monitor_controller(pair, watched):
    estimated(watched)
    assert watched.controller("set", "cutoff=42", "link_speed=10", "alarm_measured_trigger=5").stdout == "set\n"
    wait_for(lambda: (record := record_of(watched)) and record["cutoff"] == 0.42 and record["linerate"] == 1250000
             and record["alarm_measured_trigger_value"] == 5, "the settings in a record")
    watched.controller("set", "alarm_measured_trigger=off")
    wait_for(lambda: record_of(watched)["alarm_measured_trigger_value"] is None, "the trigger is off")
    # Wrong words are one thing, and what could not be done is another.
    for words, said, status in [(["cutoff=200"], "cutoff", 2), (["bogus=1"], "bogus", 2),
                                (["interface=nowhere0"], "nowhere0", 1)]:
        result = watched.controller("set", *words, check=False)
        assert result.returncode == status and said in result.stderr and result.stderr.count("\n") == 1
    for words in ([], ["cutoff"], ["=5"]):
        assert watched.controller("set", *words, check=False).returncode == 2
    assert watched.controller("pause").stdout == "paused\n"
    assert watched.json("/api/v1/status")["rate_monitor"] == "paused"
    assert watched.controller("resume").stdout == "resumed\n"
    estimated(watched)
    shown = watched.controller("rates").stdout.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [["veth0", "ingress"], ["veth0", "egress"]]
    document = json.loads(watched.controller("rates", "--json").stdout)
    assert document["rates"][0]["cutoff"] == 0.42


def test_a_reload_brings_the_files_settings_back(pair, watched):
    watched.controller("set", "cutoff=42")
    watched.configure({"rate": QUICK | {"cutoff": 77}, "control": {"rate_port": PORT}})
    watched.controller("reload")
    wait_for(lambda: record_of(watched)["cutoff"] == 0.77, "the file's cutoff")
    watched.configure({"rate": {"cutoff": 0}})
    assert watched.controller("reload", check=False).returncode == 1
    watched.settle()
    assert record_of(watched)["cutoff"] == 0.77
