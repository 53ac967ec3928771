# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of every test here, and, once all have run, the proof that they took away what they made."""
import os

import pytest

import hosts
from gateways import gateway, pushing  # noqa: F401
from hosts import able, monitor, monitor_of, pair, place  # noqa: F401: fixtures are found by their names here
from openstack_services import stack  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left():
    yield
    mine = f"fgt-{os.getpid()}-"
    left = [line for line in hosts.run("ip", "netns", "list", check=False).stdout.splitlines() if line.startswith(mine)]
    assert not left, f"namespaces left behind: {left}"
    assert not hosts.marked_processes(), "processes left behind"
