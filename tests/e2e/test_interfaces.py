# SPDX-License-Identifier: BSD-2-Clause
"""Counters of every interface against the kernel's own, and what becomes of them when interfaces go, come back and are
renamed."""
import json

from hosts import end_process, wait_for, without_noise

SIDES = {"receive": "rx", "transmit": "tx"}


def value(watched, name, interface):
    found = [number for labels, number in watched.metrics().get(name, ()) if labels.get("interface") == interface]
    return found[0] if found else None


def received(watched, interface):
    return value(watched, "flowgauge_interface_receive_packets_total", interface)


def pings(host, count, address="10.1.0.2"):
    host.run("ping", "-c", count, "-i", "0.002", "-q", address)


def test_against_the_kernel(pair, monitor):
    near, far = pair
    without_noise(*pair)
    far.ip("link", "add", "idle0", "mtu", "1234", "type", "veth", "peer", "name", "idle1")
    watched = monitor("-i", "veth0", "-t", "0.2", config={"legacy_metrics": True})
    pings(near, 50)
    far.run("ping", "-c", "5", "-i", "0.002", "-q", "127.0.0.1")
    watched.settle()
    metrics = watched.metrics()
    assert received(watched, "lo") >= 10, "this test itself adds to it"
    for interface in ("veth0", "idle0"):
        counters = far.counters(interface)
        for side, kernel in SIDES.items():
            for unit, theirs in (("packets", "packets"), ("bytes", "bytes"), ("errors", "errors"), ("drops", "dropped")):
                ours = value(watched, f"flowgauge_interface_{side}_{unit}_total", interface)
                assert ours == counters[kernel][theirs], (interface, side, unit)
        legacy = {name: {labels["ifname"]: number for labels, number in metrics[name]}
                  for name in ("packets_sent", "packets_recv")}
        assert legacy["packets_recv"][interface] == counters["rx"]["packets"]
        assert legacy["packets_sent"][interface] == counters["tx"]["packets"]
    assert received(watched, "veth0") >= 50
    assert value(watched, "flowgauge_interface_mtu_bytes", "idle0") == 1234
    assert value(watched, "flowgauge_interface_carrier", "veth0") == 1
    assert value(watched, "flowgauge_interface_carrier", "idle0") is None, "of one that is down nobody knows"
    assert value(watched, "flowgauge_interface_speed_bytes_per_second", "veth0") == 10e9 / 8, "as veth says"
    assert value(watched, "flowgauge_interface_speed_bytes_per_second", "lo") is None
    info = {labels["interface"]: labels for labels, _ in metrics["flowgauge_interface_info"]}
    assert (info["veth0"]["address"], info["veth0"]["operstate"]) == ("02:00:00:01:00:02", "up")
    assert info["idle0"]["adminstate"] == "down"
    near.ip("link", "set", "veth0", "down")
    wait_for(lambda: value(watched, "flowgauge_interface_carrier", "veth0") == 0, "the carrier is gone")


def new_wire(near, far, index):
    near.ip("link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", far.name)
    for host, end in ((near, 1), (far, 2)):
        host.run("sysctl", "-qw", "net.ipv6.conf.wire.disable_ipv6=1")
        host.ip("addr", "add", f"10.{index}.0.{end}/24", "dev", "wire")
        host.ip("link", "set", "wire", "up")


def test_comes_back_under_its_name(pair, monitor):
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2")
    total = 0
    for index in (41, 42, 43):
        new_wire(near, far, index)
        pings(near, 20, f"10.{index}.0.2")
        watched.settle()
        total += far.counters("wire")["rx"]["packets"]
        wait_for(lambda: received(watched, "wire") == total, f"wire goes on to {total}")  # noqa: B023
        near.ip("link", "del", "wire")
        wait_for(lambda: value(watched, "flowgauge_interface_mtu_bytes", "wire") is None, "wire is gone")
        assert received(watched, "wire") == total, "what it counted stands"
    assert total >= 60


def test_renamed_and_away_for_a_while(pair, monitor):
    near, far = pair
    new_wire(near, far, 41)
    watched = monitor("-i", "veth0", "-t", "0.2")
    pings(near, 20, "10.41.0.2")
    watched.settle()
    before = received(watched, "wire")
    assert before == far.counters("wire")["rx"]["packets"] >= 20
    # In another namespace and back, with what it counted.
    far.ip("link", "set", "wire", "netns", near.name, "name", "visitor")
    wait_for(lambda: value(watched, "flowgauge_interface_mtu_bytes", "wire") is None, "wire is gone")
    near.ip("link", "set", "visitor", "netns", far.name, "name", "wire")
    wait_for(lambda: value(watched, "flowgauge_interface_mtu_bytes", "wire") is not None, "wire is back")
    watched.settle()
    assert received(watched, "wire") == far.counters("wire")["rx"]["packets"] >= before
    far.ip("link", "set", "wire", "name", "cable")
    wait_for(lambda: received(watched, "cable") is not None, "cable is there")
    watched.settle()
    assert received(watched, "cable") == far.counters("cable")["rx"]["packets"]
    assert received(watched, "wire") is None


def test_many_that_come_and_go(pair, monitor):
    """More names than are kept: what is folded away is under "other", and no sum falls."""
    far = pair[1]
    watched = monitor("-i", "veth0", "-t", "0.2")
    last = 0
    for start in range(0, 1200, 400):
        names = [f"d{number}" for number in range(start, start + 400, 2)]
        far.run("ip", "-b", "-", input="".join(f"link add {name} type veth peer name p{name}\n" for name in names))
        wait_for(lambda: received(watched, names[-1]) is not None, "they are there")  # noqa: B023
        far.run("ip", "-b", "-", input="".join(f"link del {name}\n" for name in names), timeout=300)
        wait_for(lambda: value(watched, "flowgauge_interface_mtu_bytes", names[-1]) is None, "they are gone")  # noqa: B023
        series = watched.metrics()["flowgauge_interface_receive_packets_total"]
        assert sum(number for _, number in series) >= last
        last = sum(number for _, number in series)
        assert len(series) <= 1025
    assert received(watched, "other") is not None and received(watched, "d0") is None
    assert received(watched, "d1198") is not None


def test_records(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2", "--json")
    pings(pair[0], 10)
    watched.settle()
    end_process(watched.process)
    records = [json.loads(line) for line in watched.output.read_text().splitlines()]
    found = [record for record in records if record["type"] == "interface"]
    assert {record["interface"] for record in found} == {"lo", "veth0"}
    last = [record for record in found if record["interface"] == "veth0"][-1]
    assert list(last) == ["type", "time", "interface", "present", "carrier", "mtu_bytes", "speed_bytes_per_second", "receive",
                          "transmit"]
    assert (last["present"], last["carrier"], last["mtu_bytes"]) == (True, True, 1500)
    assert last["speed_bytes_per_second"] == 1250000000
    assert last["receive"]["packets"] == pair[1].counters("veth0")["rx"]["packets"] >= 10
    assert set(last["receive"]) == {"packets", "bytes", "errors", "drops"}
