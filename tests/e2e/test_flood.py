# SPDX-License-Identifier: BSD-2-Clause
"""The ledger under attack: two million flows of one packet each against a table of 65 536, and whatever else may happen
meanwhile. Watched is where they leave, so that what the sender says is what there was to see."""
import contextlib
import datetime
import json
import os
import signal
import threading

from hosts import OUTCOMES, UDP_OVERHEAD, UDP_SEND, balanced, join, receiver, wait_for, without_noise
from texts import time_of

FLOOD = UDP_SEND.parent / "flood"
FLOWS, ROOM = 2_000_000, 65536
FRAME = 60
PORT = 5001
METRIC_OUTCOMES = ("flow",) + OUTCOMES[1:]


def flood(host, count=FLOWS, seed=0):
    """It is under way; `flooded` waits for it."""
    return host.start(FLOOD, "veth0", count, seed, stdout=-1)


def flooded(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(output)["packets"]


def ticks(monitor):
    """Totals of every tick that standard output told of, in order; a line that is being written is left. There are many
    more lines of flows, which are not looked at."""
    with open(monitor.output, "rb") as output:
        for line in output:
            if line.startswith(b'{"type":"total"') and line.endswith(b"\n"):
                yield json.loads(line)


def check_ticks(monitor):
    """Every sum holds, and none falls."""
    before, count = {}, 0
    for total in ticks(monitor):
        count += 1
        balanced(total)
        last = before.get((total["interface"], total["direction"]))
        if last:
            assert all(total[name][unit] >= last[name][unit] for name in ("seen",) + OUTCOMES
                       for unit in ("packets", "bytes")), (last, total)
        before[(total["interface"], total["direction"])] = total
    return count


def check_metrics(metrics):
    for unit in ("packets", "bytes"):
        for labels, seen in metrics.get(f"flowgauge_seen_{unit}_total", []):
            parts = {part["outcome"]: value for part, value in metrics[f"flowgauge_outcome_{unit}_total"]
                     if (part["interface"], part["direction"]) == (labels["interface"], labels["direction"])}
            assert set(parts) == set(METRIC_OUTCOMES)
            assert seen == sum(parts.values()), (labels, seen, parts)
        flows = sum(value for _, value in metrics.get(f"flowgauge_flow_{unit}_total", []))
        charged = sum(value for labels, value in metrics.get(f"flowgauge_outcome_{unit}_total", [])
                      if labels["outcome"] == "flow")
        assert flows == charged, "the sum over flows is what was charged as flow"
    assert not any(value for _, value in metrics.get("flowgauge_unaccounted_packets_total", []))
    return sum(value for _, value in metrics.get("flowgauge_flow_packets_total", []))


@contextlib.contextmanager
def scraped(monitor):
    """/metrics is read over and over in the meantime; how often is told when it ends, and what was wrong is raised."""
    done, counts, wrong, before = threading.Event(), [], [], 0

    def scrape():
        nonlocal before
        try:
            while not done.is_set():
                now = check_metrics(monitor.metrics())
                assert now >= before, "the sum over flows fell"
                before = now
                counts.append(1)
        except Exception as error:  # pylint: disable=broad-except  # it is raised again below
            wrong.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield counts
    finally:
        done.set()
        thread.join()
    if wrong:
        raise wrong[0]
    assert counts, "no scrape"


def steady(host, count):
    """A flow that goes on at 100 packets a second."""
    return host.start(UDP_SEND, "10.1.0.2", PORT, f"count={count}", "gap_us=10000", "size=100", "source=4001",
                      stdout=-1)


def test_two_million_flows(pair, monitor):
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.5", "--direction", "out", "--max-flows", ROOM, "--json", host=near)
    with receiver(far, PORT, count=50):
        near.send_udp("10.1.0.2", PORT, count=5000, size=100, ports=50, source=4001)
        watched.totals("veth0", "egress")
        with scraped(watched):
            flooding, going_on = flood(near), steady(near, 300)
            sent = flooded(flooding)
            assert going_on.wait(60) == 0
        near.send_udp("10.1.0.2", PORT, count=5000, size=100, ports=50, source=4001)
    total = watched.totals("veth0", "egress")
    assert sent == FLOWS
    assert total["seen"]["packets"] == FLOWS + 10300
    assert total["seen"]["bytes"] == FLOWS * FRAME + 10300 * (100 + UDP_OVERHEAD[4])
    # The table filled up, and room was made; who made it are flows of the flood, not those that live.
    assert 0 < total["overflow"]["packets"] <= FLOWS - ROOM + 4096
    assert total["unaccounted_packets"] == 0
    assert total["flows"]["packets"] == total["seen"]["packets"] - total["overflow"]["packets"]
    known = {flow["dport"]: flow["packets"] for flow in watched.flows(src="10.1.0.1", dst="10.1.0.2")}
    assert known == {PORT: 500, **{PORT + i: 200 for i in range(1, 50)}}
    assert total["residual_packets"] == 0
    assert check_ticks(watched) >= 3


def test_small_table_keeps_those_that_live(pair, monitor):
    """Fifty flows go on throughout; what makes room for the flood's flows are the flood's own."""
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.2", "--direction", "out", "--max-flows", 2000, host=near)
    with receiver(far, PORT, count=50), scraped(watched):
        living = near.start(UDP_SEND, "10.1.0.2", PORT, "count=10000", "ports=50", "gap_us=1000", "size=100",
                            "source=4001", stdout=-1)
        wait_for(lambda: sum(flow["packets"] > 20 for flow in watched.flows(src="10.1.0.1")) == 50, "they live")
        begun = {flow["dport"]: flow["first_seen"] for flow in watched.flows(src="10.1.0.1")}
        # Seeds so far apart that no flow comes twice.
        sent = sum(flooded(flood(near, FLOWS // 20, number << 20)) for number in range(3))
        assert living.poll() is None, "they outlive the flood"
        assert living.wait(120) == 0
        known = {flow["dport"]: flow for flow in watched.flows(src="10.1.0.1", dst="10.1.0.2")}
    assert {port: flow["packets"] for port, flow in known.items()} == {PORT + i: 200 for i in range(50)}
    # They are the same ones; the clock of dates is slewed beside that of packets.
    for port, flow in known.items():
        assert abs(time_of(flow["first_seen"]) - time_of(begun[port])) < datetime.timedelta(seconds=0.1)
    total = watched.totals("veth0", "egress")
    assert total["seen"]["packets"] == sent + 10000 == 3 * (FLOWS // 20) + 10000
    assert total["overflow"]["packets"] > 0
    assert total["flows"]["packets"] > 2000, "room was made"
    assert total["unaccounted_packets"] == 0
    metrics = watched.metrics()
    freed = {labels["reason"]: value for labels, value in metrics["flowgauge_flows_freed_total"]}
    of_the_flood = total["flows"]["packets"] - 10000
    assert freed == {"idle": 0, "pressure": of_the_flood - (metrics["flowgauge_flows"][0][1] - 50)}


def test_flood_while_flows_expire_and_rules_change(pair, monitor):
    near, far = pair
    without_noise(*pair)
    config = {"idle_timeout_seconds": 1}
    watched = monitor("-i", "veth0", "-t", "0.5", "--direction", "out", "--max-flows", ROOM, host=near,
                      config=config)
    with receiver(far, PORT), scraped(watched):
        going_on = steady(near, 1000)
        sent = 0
        for seed, rules in enumerate((["- - - - UDP"], ["10.1.0.1 - - - UDP"], ["0.0.0.0/1 - - - -"], [])):
            flooding = flood(near, FLOWS // 4, seed + 1)
            watched.configure({**config, "RULES": rules})
            watched.controller("reload")
            sent += flooded(flooding)
        assert going_on.wait(60) == 0
        wait_for(lambda: len(watched.flows()) <= 1, "the flood's flows have left")
    total = watched.totals("veth0", "egress")
    assert (sent, total["seen"]["packets"]) == (FLOWS, FLOWS + 1000)
    assert total["filtered"]["packets"] > 0
    assert total["flows"]["packets"] > ROOM, "those that left made room"


def test_known_flow_keeps_its_count_while_others_expire(pair, monitor):
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.5", "--direction", "out", "--max-flows", ROOM, host=near,
                      config={"idle_timeout_seconds": 1})
    with receiver(far, PORT):
        going_on = steady(near, 1000)
        wait_for(lambda: watched.flows(dport=PORT, src="10.1.0.1"), "the flow is there")
        for seed in range(4):
            assert flooded(flood(near, FLOWS // 4, seed)) == FLOWS // 4
        assert going_on.wait(60) == 0
        assert watched.flow(dport=PORT, src="10.1.0.1")["packets"] == 1000
    watched.totals("veth0", "egress")


def test_interface_taken_away_and_given_back(pair, monitor):
    near, far = pair
    without_noise(*pair)
    watched = monitor("-i", "veth0", "-t", "0.5", "--direction", "out", "--max-flows", ROOM, "--json", host=near)
    flooding = flood(near)
    wait_for(lambda: watched.totals("veth0", "egress")["seen"]["packets"] > 100000, "the flood has begun")
    near.ip("link", "del", "veth0")
    first = flooded(flooding)
    join(near, far, "veth0", 1)
    without_noise(*pair)
    wait_for(lambda: near.programs("veth0"), "the interface is watched again")
    before = watched.totals("veth0", "egress")["seen"]["packets"]
    assert before <= first + 100, "but for a little of IPv6's own, the flood is all there is"
    second = flooded(flood(near, FLOWS // 4, 1))
    assert watched.totals("veth0", "egress")["seen"]["packets"] == before + second == before + FLOWS // 4
    check_ticks(watched)


def test_killed_and_started_again(pair, monitor):
    near, _ = pair
    without_noise(*pair)
    words = ("-i", "veth0", "-t", "0.5", "--direction", "out", "--max-flows", ROOM, "--json")
    first = monitor(*words, host=near)
    flooding = flood(near)
    wait_for(lambda: first.totals("veth0", "egress")["seen"]["packets"] > 100000, "the flood has begun")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    assert check_ticks(first)
    second = monitor(*words, host=near)
    flooded(flooding)
    before = second.totals("veth0", "egress")["seen"]["packets"]
    assert flooded(flood(near, FLOWS // 4, 1)) == FLOWS // 4
    assert second.totals("veth0", "egress")["seen"]["packets"] == before + FLOWS // 4
    check_ticks(second)
    second.stop()
    assert near.programs("veth0") == 0
