# SPDX-License-Identifier: BSD-2-Clause
"""A whole monitor and OpenStack: what its configuration says reaches the sender, and every record of the rate monitor goes the way."""
import json

import pytest

from hosts import FLOWGAUGE, receiver, wait_for
from openstack_double import DOUBLE_PORT, PASSWORD, Double
from openstack_services import AUTH_URL, URL, USER_PASSWORD

QUICK = {"estimation_interval": 0.2, "meter_interval": 0.4, "link_speed": 100, "alarm_trigger": 57}


def test_the_monitor_sends_its_life_and_tells_of_it(pair, monitor, monkeypatch):
    """What the configuration says reaches the module. No interval ends here, so there are no other records."""
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    double = Double(pair[1], DOUBLE_PORT)
    try:
        watched = monitor("-i", "veth0", "-t", "0.2", config={"openstack": {
            "api": "ceilometer-v2", "auth_url": f"http://127.0.0.1:{DOUBLE_PORT}", "url": f"http://127.0.0.1:{DOUBLE_PORT}/",
            "username": "admin", "project": "demo", "resource_id": "res-1", "project_id": "proj-1", "queue": 7}})
        wait_for(lambda: double.samples, "the first record")
        watched.settle()
        text = watched.get("/metrics")[2].decode()
        for line in ('flowgauge_openstack_records_total{outcome="sent"} 1', 'flowgauge_openstack_records_total{outcome="lost"} 0',
                     "flowgauge_openstack_up 1", "flowgauge_openstack_queue_limit_records 7", "flowgauge_openstack_tokens_total 1"):
            assert f"\n{line}\n" in text, text
        watched.host.run("promtool", "check", "metrics", input=text)
        watched.stop()
        assert [(sample[0]["resource_id"], list(sample[0]["resource_metadata"])) for _, sample in double.samples] == [
            ("res-1", ["initialized"]), ("res-1", ["exited"])]
        assert "/v2/meters/flowgauge.rate" == double.samples[0][0]
        assert PASSWORD not in watched.log.read_text()
    finally:
        double.close()


def test_the_monitor_sends_its_records(pair, monitor, place, monkeypatch):
    """Each record that goes to the file goes to Ceilometer, with the same members in the same order; the last one, too."""
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    double = Double(pair[1], DOUBLE_PORT)
    try:
        address, path = f"http://127.0.0.1:{DOUBLE_PORT}", place / "rates.json"
        watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": QUICK | {"file": str(path)}, "openstack": {
            "api": "ceilometer-v2", "auth_url": address, "url": address, "username": "admin", "project": "demo"}})
        with receiver(pair[1], 5001):
            pair[0].send_udp("10.1.0.2", 5001, count=500, size=958, gap_us=2000)
        wait_for(lambda: len(double.samples) > 4, "records")
        watched.stop()
    finally:
        double.close()
    samples = [sample for _, (sample,) in double.samples]
    metadata = [sample["resource_metadata"] for sample in samples]
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert list(metadata[0]) == ["initialized"] and list(metadata[-1]) == ["exited"]
    assert len(metadata) == len(written)
    for sample, sent, record in zip(samples[1:-1], metadata[1:-1], written[1:-1]):
        assert sent["interface"] == "veth0" and sent["alarm_trigger_value"] == 57
        same = [key for key, value in record.items() if key in sent and key != "timestamp"]
        assert [key for key in sent if key in record and key != "timestamp"] == same
        assert {key: sent[key] for key in same} == {key: record[key] for key in same}
        for side in ("tx", "rx"):
            for window, value in record[f"peak_{side}"].items():
                assert sent[f"peak_{window}_{side}"] == value
            for name, value in record[f"quantiles_{side}"].items():
                assert sent[f"{name}_{side}"] == value
        assert sample["counter_volume"] == pytest.approx(record["tx"] + record["rx"])
    assert any(sent["rx"] > 0 for sent in metadata[1:-1])


def test_the_monitors_records_become_measures(stack, monitor_of, place):
    """From packets to the real Gnocchi."""
    (place / "password").write_text(USER_PASSWORD, encoding="utf-8")
    watched = monitor_of(stack.host, "-i", "lo", "-t", "0.2", config={"rate": QUICK | {"meter_interval": 3}, "openstack": {
        "api": "gnocchi", "auth_url": AUTH_URL, "url": URL, "username": "monitor", "project": "admin",
        "password_file": str(place / "password"), "resource_id": "whole"}})
    watched.settle()

    def taken():
        return dict((labels["outcome"], value) for labels, value in watched.metrics()["flowgauge_openstack_records_total"])["sent"]
    wait_for(lambda: taken() > 0, "a record is taken")
    watched.stop()
    found = stack.measures_of("whole:lo", ("linerate", "alarm_rx", "rx"))
    assert found["linerate"][:1] == ("B/s",) and set(found["linerate"][2]) == {12500000.0}
    assert set(found["alarm_rx"][2]) == {0.0} and found["rx"][0] == "B/s" and min(found["rx"][2]) > 0
    assert "alarm_measured_trigger_value" not in found, "what is not known is not sent"


def test_no_openstack_no_metrics(monitor):
    assert "openstack" not in monitor("-i", "veth0").get("/metrics")[2].decode()


def test_a_monitor_without_a_password_does_not_start(pair, place):
    config = place / "config.json"
    config.write_text(json.dumps({"openstack": {"api": "gnocchi", "controller": "127.0.0.1", "username": "u", "project": "p",
                                                "password_file": "/nonexistent/secret"}}), encoding="utf-8")
    result = pair[1].run(FLOWGAUGE, "-c", config, "--control", place / "c.sock", "-i", "veth0", "--listen", "off", check=False)
    assert result.returncode == 1
    assert "flowgauge: openstack: /nonexistent/secret cannot be read: No such file or directory" in result.stderr
