# SPDX-License-Identifier: BSD-2-Clause
"""A client of the rate monitor's control port, written from the protocol's description alone: TCP port 54736, one
unframed JSON object a connection, one object back."""
import json
import socket

PORT = 54736
LIMIT = 65536


def connect(host, port=PORT, patience=20):
    made = host.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(patience)
    made.connect(("127.0.0.1", port))
    return made


def take_answer(connection):
    """All that comes until the other side has said its last."""
    got = b""
    while True:
        piece = connection.recv(4096)
        if not piece:
            return json.loads(got)
        got += piece


def raw(host, content, pieces=None, port=PORT):
    """The answer to any bytes, sent whole, or in pieces of so many bytes."""
    with connect(host, port) as connection:
        size = pieces or max(len(content), 1)
        for start in range(0, len(content), size):
            connection.sendall(content[start:start + size])
        return take_answer(connection)


def ask(host, port=PORT, **request):
    answer = raw(host, json.dumps(request).encode(), port=port)
    assert list(answer) == ["return"], answer
    return answer["return"]
