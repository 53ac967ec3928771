#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes first inputs for the fuzzers of text: seeds.py CORPUS makes CORPUS/fuzz_rule, fuzz_config, fuzz_control,
fuzz_rate_port, fuzz_http, fuzz_openstack, fuzz_echo and fuzz_rtt. The configurations are the project's own."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ["- - - - -", "1.1.1.1 2.2.2.2 - 22 TCP", "[10.1.0.1,11.1.1.1] - 9999 - ICMP", "[::1] 2001:db8::/32 1-65535 - [tcp,Udp,47]",
         "10.0.0.0/8 0.0.0.0/0 [80,443,1000-2000] 0 255"]
REQUESTS = ['{"command":"status"}\n', '{"command":"flows","top":10,"sort":"bytes"}\n', '{"command":"reload"}\n', '{}\n', '[1]\n', 'x']
RATE_REQUESTS = ['{"status":true}', ' {"cutoff":"90", "interface":"eth0"}\n', '{"a":"}\\"{"}', '{"pause":true}x', "{]", "[]"]
HEADERS = ["gzip;q=0.5, identity", "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5", "localhost:8080",
           "127.0.0.1", "[::1]:8080", "http://localhost:8080\nlocalhost:8080", "null\nlocalhost", "42"]

ANSWERS = ['{"token":{"issued_at":"2026-11-21T08:00:00.5Z","expires_at":"2026-11-21T09:00:01.000000Z"}}',
           '{"access":{"token":{"id":"xyz","expires":"2023-11-14T22:14:20Z","issued_at":"2023-11-14T22:13:20.5"}}}',
           '{"description":{"cause":"Unknown resources","detail":[{"original_resource_id":"gw:eth0"}]}}', "[1]"]


# A reply of each family with a payload, quoted requests, and scripts of sending, answering and waiting.
ECHOES = [bytes([0, 0, 0, 0, 1, 2, 0, 3]) + bytes(16), bytes([129, 0, 0, 0, 1, 2, 0, 3]) + bytes(16), bytes([8, 0, 0, 0, 1, 2, 0, 3]),
          bytes([0x45]) + bytes(19) + bytes(24), bytes([1, 2, 3, 0, 0, 0, 9, 4, 1] + 30 * [0, 0, 2, 1, 64] + 10 * [4, 0, 3, 3, 1])]

# TCP options as stacks send them, and what routers send of packets whose life ended.
STAMP = bytes([8, 10, 1, 2, 3, 4, 5, 6, 7, 8])
ROUND_TRIPS = [bytes([1, 1]) + STAMP, bytes([2, 4, 5, 180, 4, 2]) + STAMP + bytes([1, 3, 3, 7]), bytes([1, 1, 5, 10] + 8 * [9]) + STAMP,
               bytes([11, 0, 0, 0, 0, 0, 0, 0, 0x45] + 27 * [7]), bytes([3, 0, 0, 0, 0, 0, 0, 0, 0x60] + 47 * [7])]


def write(corpus, target, inputs):
    place = corpus / target
    place.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(inputs):
        (place / f"seed-{number}").write_bytes(content if isinstance(content, bytes) else content.encode())


def main():
    corpus = pathlib.Path(sys.argv[1])
    configurations = sorted([ROOT / "config.json", *(ROOT / "docs" / "examples").glob("*.json")])
    rules = '{"RULES": ["1.1.1.1 - - - TCP"], "PATTERN": "0xFF00", "OFFSET": 3, "DISPLAY": {"Jitter": "True"}}'
    write(corpus, "fuzz_config", [path.read_bytes() for path in configurations] + [rules])
    write(corpus, "fuzz_rule", RULES)
    write(corpus, "fuzz_control", REQUESTS)
    write(corpus, "fuzz_rate_port", RATE_REQUESTS)
    write(corpus, "fuzz_http", HEADERS)
    write(corpus, "fuzz_openstack", ANSWERS)
    write(corpus, "fuzz_echo", ECHOES)
    write(corpus, "fuzz_rtt", ROUND_TRIPS)


main()
