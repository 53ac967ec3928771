# SPDX-License-Identifier: BSD-2-Clause
"""A monitor among enemies: clients that lie, babble or say nothing, interfaces that flap, storms of signals, a full disk,
a long sleep. It goes on, counts every packet meanwhile, and afterwards holds no more descriptors than before."""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from hosts import FLOWGAUGE, Monitor, receiver, wait_for

PORT = 5001
SEED = 20260101

BAD_REQUESTS = {
    "nothing": b"",
    "binary": bytes(range(256)) * 8,
    "zeros": bytes(5000),
    "no end of the line": b"GET /metrics",
    "no version": b"GET /\r\n\r\n",
    "unknown version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "a long method": b"G" * 100000 + b" / HTTP/1.1\r\n\r\n",
    "a long path": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 50000 + b"\r\n",
    "a zero in the path": b"GET /\0/../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an escaped zero": b"GET /%00%ff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a negative length": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\nx",
    "a length that does not fit": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    "two lengths": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "bad chunks": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a huge chunk": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    "a thousand at once": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000,
    "many queries": b"GET /api/v1/flows?" + b"top=1&" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

BAD_COMMANDS = {
    "nothing": b"",
    "no end of the line": b'{"command":"status"}',
    "binary": bytes(range(1, 10)) + bytes(range(11, 256)) * 4 + b"\n",
    "zeros": bytes(1000) + b"\n",
    "deep": b"[" * 50000 + b"\n",
    "not an object": b"[1,2]\n",
    "a command that is none": b'{"command":{"command":"stop"}}\n',
    "an unknown command": b'{"command":"' + b"x" * 60000 + b'"}\n',
    "a number out of bounds": b'{"command":"flows","top":1e308}\n',
    "a number below": b'{"command":"flows","top":-1}\n',
    "too much": b"x" * 1000000,
}


def descriptors(monitor):
    return len(os.listdir(f"/proc/{monitor.process.pid}/fd"))


def speak(connection, said):
    """Says it, and reads until the other end closes, resets, or has nothing more to say for a while."""
    connection.settimeout(0.3)
    try:
        connection.sendall(said)
        while connection.recv(65536):
            pass
    except OSError:
        pass


def assert_unharmed(monitor, before):
    assert monitor.process.poll() is None, monitor.log.read_text()
    assert json.loads(monitor.controller("status", "--json").stdout)["ready"]
    wait_for(lambda: descriptors(monitor) <= before, f"{before} descriptors again")
    monitor.stop()


def settled_descriptors(monitor):
    """Without the connection that asked whether it is ready."""
    monitor.controller("status")
    counts = [descriptors(monitor)]
    return wait_for(lambda: counts.append(descriptors(monitor)) or (counts[-1] == counts[-2] and counts[-1]), "a steady count")


def test_bad_http_requests(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2")
    before = settled_descriptors(watched)
    for said in BAD_REQUESTS.values():
        with watched.host.socket() as connection:
            connection.connect(("127.0.0.1", watched.port))
            speak(connection, said)
    assert watched.get("/-/healthy")[0] == 200
    assert_unharmed(watched, before)


def test_random_http_requests(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2")
    chance, before = random.Random(SEED), settled_descriptors(watched)
    start = b"GET /api/v1/flows?top=5 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    for _ in range(300):
        said = bytearray(start)
        for _ in range(chance.randint(1, 6)):
            said[chance.randrange(len(said))] = chance.randrange(256)
        with watched.host.socket() as connection:
            connection.connect(("127.0.0.1", watched.port))
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            speak(connection, b"")
    assert watched.get("/-/healthy")[0] == 200
    assert_unharmed(watched, before)


def test_bad_commands(pair, monitor):
    watched = monitor("-i", "veth0", "-t", "0.2")
    before = settled_descriptors(watched)
    for said in BAD_COMMANDS.values():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(watched.control))
            speak(connection, said)
    assert_unharmed(watched, before)


def connects(connection, path):
    try:
        connection.setblocking(False)
        connection.connect(str(path))
        return True
    except BlockingIOError:
        return False


def test_silent_controllers(pair, monitor):
    """More connections than it takes, none of which says anything: they are let go, and then one may speak."""
    watched = monitor("-i", "veth0", "-t", "0.2")
    before = settled_descriptors(watched)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    try:
        for connection in silent:
            wait_for(lambda: connects(connection, watched.control), "there is room among those that wait")
            connection.settimeout(60)
        assert all(connection.recv(1) == b"" for connection in silent), "they are let go without an answer"
        assert_unharmed(watched, before)
    finally:
        for connection in silent:
            connection.close()


def test_flapping_interfaces(pair, monitor):
    """Interfaces that come and go faster than they can be watched; the one that stays loses nothing."""
    near, far = pair
    watched = monitor("-i", "veth0,flap*", "-t", "0.2")
    before = settled_descriptors(watched)
    flapping = threading.Thread(target=flap, args=(far, 60))
    flapping.start()
    with receiver(far, PORT):
        sent = near.send_udp("10.1.0.2", PORT, count=20000, size=100, gap_us=100)
        flapping.join()
    assert watched.flow(dport=PORT)["packets"] == sent["packets"]
    watched.totals("veth0", "ingress")
    wait_for(lambda: ["veth0"] == [each["name"] for each in watched.json("/api/v1/status")["interfaces"] if each["attached"]],
             "nothing but veth0 is watched")
    assert_unharmed(watched, before)


def flap(host, times):
    for number in range(times):
        name = f"flap{number % 3}"
        host.ip("link", "add", name, "type", "veth", "peer", "name", "far" + name)
        host.ip("link", "set", name, "up")
        host.ip("link", "del", name)


def test_storm_of_reloads(pair, monitor):
    """Good and bad configurations in turn, and signals as fast as they can be sent, while packets come."""
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2", config={"RULES": [f"- - - {PORT} UDP"]})
    before = settled_descriptors(watched)
    over = threading.Event()
    storm = threading.Thread(target=reload_until, args=(watched, over))
    storm.start()
    try:
        with receiver(far, PORT):
            sent = near.send_udp("10.1.0.2", PORT, count=50000, size=100, gap_us=50)
    finally:
        over.set()
        storm.join()
    assert watched.flow(dport=PORT)["packets"] == sent["packets"]
    watched.totals("veth0", "ingress")
    assert_unharmed(watched, before)


def reload_until(watched, over):
    configurations = [json.dumps({"RULES": [f"- - - {PORT} UDP"]}), "{", json.dumps({"RULES": ["- - -"]}),
                      json.dumps({"RULES": ["- - - - ICMP", f"- - - {PORT} UDP"]}), "", "[]"]
    number = 0
    while not over.is_set():
        new = watched.config.with_suffix(".new")
        new.write_text(configurations[number % len(configurations)])
        new.replace(watched.config)
        for _ in range(20):
            os.kill(watched.process.pid, signal.SIGHUP)
        number += 1


@pytest.mark.parametrize("output", ["/dev/full", None], ids=["full", "closed"])
def test_nowhere_to_write(pair, place, output):
    """A full disk, or no descriptor at all, where its lines go: they are lost, the counts are not."""
    near, far = pair
    watched = Monitor(far, place, "-i", "veth0", "-t", "0.2", "--json")
    with open(output or os.devnull, "wb") as lines, open(watched.log, "wb") as log:
        closed = {} if output else {"preexec_fn": lambda: os.close(1)}
        watched.process = far.start(FLOWGAUGE, *watched.words, stdin=subprocess.DEVNULL, stdout=lines, stderr=log, **closed)
    watched.wait_until_ready()
    with receiver(far, PORT):
        sent = near.send_udp("10.1.0.2", PORT, count=1000, size=100)
    assert watched.flow(dport=PORT)["packets"] == sent["packets"]
    watched.stop()


def test_long_sleep(pair, monitor):
    """Stopped and woken: what came meanwhile is counted, and no rate is of more time than there was."""
    near, far = pair
    watched = monitor("-i", "veth0", "-t", "0.2")
    with receiver(far, PORT):
        first = near.send_udp("10.1.0.2", PORT, count=500, size=100, source=PORT)
        watched.settle()
        os.kill(watched.process.pid, signal.SIGSTOP)
        second = near.send_udp("10.1.0.2", PORT, count=20000, size=100, source=PORT)
        time.sleep(5)
        os.kill(watched.process.pid, signal.SIGCONT)
    assert watched.flow(dport=PORT)["packets"] == first["packets"] + second["packets"]
    watched.totals("veth0", "ingress")
    assert watched.json("/api/v1/status")["late_ticks"] > 0
    watched.stop()
