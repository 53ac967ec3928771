# SPDX-License-Identifier: BSD-2-Clause
"""A real Pushgateway in a host, and what the monitor counts of its pushes."""
import json
import subprocess

import pytest

from hosts import end_process, wait_for
from texts import samples

GATEWAY = 9091
URL = f"http://127.0.0.1:{GATEWAY}"
FAST = {"interval": 1}


class Gateway:
    """A Pushgateway in a host, which can go and come back."""

    def __init__(self, host):
        self.host = host
        self.process = None
        self.start()

    def start(self):
        self.process = self.host.start("prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{GATEWAY}", "--persistence.file=",
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.is_ready, "the Pushgateway is ready")

    def is_ready(self):
        try:
            return self.host.get(GATEWAY, "/-/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        end_process(self.process)

    def groups(self):
        """{labels as a frozen set: {family: metrics}} of what it holds."""
        document = json.loads(self.host.get(GATEWAY, "/api/v1/metrics")[2])
        return {frozenset(group["labels"].items()): group for group in document["data"]}

    def group(self, **labels):
        return self.groups().get(frozenset(labels.items()))

    def samples(self):
        return samples(self.host.get(GATEWAY, "/metrics")[2].decode())


@pytest.fixture
def gateway(pair):
    made = Gateway(pair[1])
    yield made
    made.stop()


@pytest.fixture
def pushing(monitor):
    def start(settings, *words, **options):
        config = {"pushgateway": {"url": URL, "instance": "here", **FAST, **settings}, **options.pop("config", {})}
        return monitor("-i", "veth0", "-t", "0.2", *words, config=config, **options)

    return start


def count(watched, name, **labels):
    return sum(value for found, value in watched.metrics().get(name, ())
               if all(found[key] == wanted for key, wanted in labels.items()))


def succeeds(watched, more=1):
    """So many pushes more than now have succeeded."""
    before = count(watched, "flowgauge_push_successes_total")
    wait_for(lambda: count(watched, "flowgauge_push_successes_total") >= before + more, f"{more} pushes more")


def fails(watched, reason):
    wait_for(lambda: count(watched, "flowgauge_push_failures_total", reason=reason), f"a push that fails: {reason}")


def lines(watched, part):
    return [line for line in watched.log.read_text().splitlines() if part in line]
