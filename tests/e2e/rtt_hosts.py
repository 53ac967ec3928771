# SPDX-License-Identifier: BSD-2-Clause
"""Two hosts whose round trips are measured: their addresses, TCP between them, and the rows that the monitor has of them."""
import contextlib
import select
import socket

NEAR, FAR = {4: "10.1.0.1", 6: "fd00:1::1"}, {4: "10.1.0.2", 6: "fd00:1::2"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
PORT = 5001


def pairs_of(monitor):
    """{(src, dst, method): row} of a settled report."""
    monitor.settle()
    return {(pair["src"], pair["dst"], pair["method"]): pair for pair in monitor.json("/api/v1/rtt")["pairs"]}


@contextlib.contextmanager
def taker(host, family):
    """Takes connections and what comes, in another thread's stead: its sockets are served by whoever sends."""
    listener = host.socket(FAMILIES[family], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((FAR[family], PORT))
    listener.listen(16)
    try:
        yield listener
    finally:
        listener.close()


def drain(listener, taken):
    """Accepts who is there, and reads what they sent, without waiting."""
    while True:
        ready = select.select([listener, *taken], [], [], 0)[0]
        if not ready:
            return
        for found in ready:
            if found is listener:
                taken.append(listener.accept()[0])
            elif not found.recv(65536):
                taken.remove(found)
                found.close()


def connect(host, family):
    connection = host.socket(FAMILIES[family], socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((FAR[family], PORT))
    return connection
