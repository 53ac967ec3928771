# SPDX-License-Identifier: BSD-2-Clause
"""The live page, as a browser shows it."""
import socket

import hosts

PAGE = "http://127.0.0.1:8080/"
UDP_PORT, UDP_PORT_6 = 9000, 9001


def row_of(browser, **wanted):
    """The one row whose cells are as wanted, as soon as it stands there."""
    wanted = {heading.capitalize(): text for heading, text in wanted.items()}

    def found():
        rows = [row for row in browser.rows() if wanted.items() <= row.items()]
        return rows[0] if len(rows) == 1 else None

    return hosts.wait_for(found, f"one row with {wanted}")


def test_flows_appear_and_grow(pair, monitor, browser):
    near, far = pair
    monitor("-i", "veth0", "-t", "0.2", config={"OFFSET": 0})
    browser.open(PAGE)
    with hosts.receiver(far, UDP_PORT), hosts.receiver(far, UDP_PORT_6, socket.AF_INET6):
        near.send_udp("10.1.0.2", UDP_PORT, numbers=[0, 1, 2, 5, 6], source=40000, offset=0, size=100)
        row = row_of(browser, destination=f"10.1.0.2:{UDP_PORT}", packets="5")
        expected = {"Interface": "veth0", "Direction": "ingress", "Protocol": "UDP", "Source": "10.1.0.1:40000",
                    "Bytes": str(5 * (hosts.UDP_OVERHEAD[4] + 100)), "Lost": "2"}
        assert expected.items() <= row.items()
        near.send_udp("10.1.0.2", UDP_PORT, numbers=[7, 8], source=40000, offset=0, size=100)
        assert row_of(browser, source="10.1.0.1:40000", packets="7")["Lost"] == "2"
        near.send_udp("fd00:1::2", UDP_PORT_6, numbers=[0], source=40001, offset=0, size=100)
        row = row_of(browser, source="[fd00:1::1]:40001", destination=f"[fd00:1::2]:{UDP_PORT_6}")
    assert (row["Packets"], row["Jitter ms"], row["Lost"]) == ("1", "\N{EN DASH}", "0")
    assert browser.state()["alarm"] is False
    assert browser.complaints() == []


def test_page_tells_when_nobody_answers(monitor, browser):
    watched = monitor("-i", "veth0", "-t", "0.2")
    browser.open(PAGE)
    hosts.wait_for(lambda: " at " in browser.state()["text"], "the page shows a report")
    watched.stop()
    hosts.wait_for(lambda: browser.state()["alarm"], "the page says that nobody answers")
    assert browser.state()["text"].startswith("no answer")
    watched.start()
    hosts.wait_for(lambda: not browser.state()["alarm"], "the page shows reports again")


def test_names_are_text_and_no_markup(pair, monitor, browser):
    near, far = pair
    name = "<i>&amp;"
    hosts.join(near, far, name, 2)
    monitor("-i", name, "-t", "0.2")
    browser.open(PAGE)
    with hosts.receiver(far, UDP_PORT):
        near.send_udp("10.2.0.2", UDP_PORT, count=1, size=20)
        row = row_of(browser, destination=f"10.2.0.2:{UDP_PORT}")
    assert row["Interface"] == name
    assert browser.run('return document.querySelectorAll("tbody i").length') == 0


def test_links_lead_somewhere(pair, monitor, browser):
    monitor("-i", "veth0", "-t", "0.2")
    browser.open(PAGE)
    links = browser.run('return [...document.querySelectorAll("a")].map((link) => new URL(link.href).pathname)')
    assert {"/metrics", "/api/v1/status", "/api/v1/flows", "/api/v1/totals", "/api/v1/rtt", "/api/v1/probes", "/-/healthy", "/-/ready"} == set(links)
    for path in links:
        assert pair[1].get(8080, path)[0] == 200, path


def test_round_trips_and_pings(pair, monitor, browser):
    """Tables that are there only if they have something to show."""
    near, _ = pair
    watched = monitor("-i", "veth0", "-t", "0.2")
    browser.open(PAGE)
    hosts.wait_for(lambda: " at " in browser.state()["text"], "the page shows a report")
    assert browser.rows("rtt") == browser.rows("pings") == []
    near.run("ping", "-q", "-i", "0.01", "-c", "20", "10.1.0.2")

    def pinged():
        return [row for row in browser.rows("rtt") if row["From"] == "10.1.0.1" and row["Count"] == "20"]

    (row,) = hosts.wait_for(pinged, "the pair of hosts stands there")
    assert (row["To, and back"], row["Method"]) == ("10.1.0.2", "icmp")
    assert 0 < float(row["Least ms"]) <= float(row["Smoothed ms"])
    flow = row_of(browser, source="10.1.0.1", protocol="ICMP")
    assert float(flow["RTT ms"]) == float(row["Smoothed ms"])
    watched.configure({"ping": {"hosts": ["10.1.0.1"], "interval": 0.1}})
    watched.controller("reload")

    def answered():
        return [row for row in browser.rows("pings") if row["State"] == "up" and int(row["Received"]) > 5]

    (row,) = hosts.wait_for(answered, "the pinged host stands there")
    assert (row["Host"], row["Address"]) == ("10.1.0.1", "10.1.0.1") and float(row["Last ms"]) > 0
    assert browser.complaints() == []
