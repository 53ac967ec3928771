# SPDX-License-Identifier: BSD-2-Clause
"""What the monitor writes, read: times and Prometheus's text format."""
import datetime
import re


def time_of(text):
    """RFC 3339 in UTC with nanoseconds, which Python's datetime has not."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", text))


def samples(text):
    """{name: [(labels, value), …]} of Prometheus's text format."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)', line)
        if line.startswith("#") or not match:
            continue
        labels = dict(re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        found.setdefault(match[1], []).append((labels, float(match[3])))
    return found
