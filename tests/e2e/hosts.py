# SPDX-License-Identifier: BSD-2-Clause
"""Hosts to measure between: network namespaces joined by veth, and monitors that run in them.

Two hosts, 10.1.0.1 and 10.1.0.2 (fd00:1::1 and fd00:1::2), know each other's link address from the start, so that no
ARP and no neighbour discovery stands between what a test sends and what it counts. Everything made here has an end of
its own: the fixtures take away what a test leaves, also when it fails, and end processes by their number only.
"""
import contextlib
import ctypes
import datetime
import errno
import http.client
import itertools
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from texts import samples, time_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FLOWGAUGE_BUILD", ROOT / "build"))
FLOWGAUGE = BUILD / "flowgauge"
CONTROLLER = BUILD / "monitor_controller"
UDP_SEND = ROOT / "build" / "tests" / "tools" / "udp_send"

CLONE_NEWNET = 0x40000000
SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 280)  # 280 is that of all newer architectures
BPF_PROG_QUERY, BPF_TCX_INGRESS, BPF_TCX_EGRESS = 16, 46, 47
PATIENCE = 60  # seconds that anything awaited may take; the verifier of a slow machine needs its time
POLL = 0.05
UDP_OVERHEAD = {4: 14 + 20 + 8, 6: 14 + 40 + 8}  # Ethernet, IP and UDP headers of a frame
OUTCOMES = ("flows", "overflow", "filtered", "unparsed", "non_ip")

# Whatever is started from here inherits it, and can be told from what others run.
MARK = "FLOWGAUGE_TEST"
os.environ[MARK] = str(os.getpid())

_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, check=True, **options):
    options.setdefault("timeout", PATIENCE)
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if check and result.returncode:
        words = " ".join(map(str, command))
        raise AssertionError(f"{words}: status {result.returncode}: {result.stdout}{result.stderr}")
    return result


def wait_for(condition, what, patience=PATIENCE):
    """The first true value of condition(); an AssertionError that says what never came."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {patience} s still not: {what}; the last value was {value!r}")
        time.sleep(POLL)


def marked_processes():
    """Processes that these tests started and that still run."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={os.getpid()}".encode() in path.read_bytes().split(b"\0"):
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _programs_at(ifindex, hook):
    """BPF_PROG_QUERY's count; a kernel without the hook (EINVAL) has none there."""
    attribute = bytearray(64)
    struct.pack_into("II", attribute, 0, ifindex, hook)
    buffer = (ctypes.c_char * len(attribute)).from_buffer(attribute)
    if _libc.syscall(SYS_BPF, BPF_PROG_QUERY, buffer, len(attribute)) and ctypes.get_errno() != errno.EINVAL:
        raise OSError(ctypes.get_errno(), "BPF_PROG_QUERY")
    return struct.unpack_from("I", buffer, 24)[0]


class Host:
    """One network namespace. Inside `with host:` this thread's new sockets belong to it."""

    def __init__(self):
        self.name = f"fgt-{os.getpid()}-{next(_numbers)}"
        self._outside = []
        self._processes = []
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        inside = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(inside)
        except OSError:
            os.close(outside)
            raise
        finally:
            os.close(inside)
        self._outside.append(outside)
        return self

    def __exit__(self, *_):
        outside = self._outside.pop()
        try:
            _setns(outside)
        finally:
            os.close(outside)

    def command(self, *words):
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words, **options):
        return run(*self.command(*words), **options)

    def ip(self, *words):
        return run("ip", "-n", self.name, *words).stdout

    def start(self, *words, **options):
        """A process in the namespace, ended with the host at the latest. `ip netns exec` becomes the command itself."""
        process = subprocess.Popen(self.command(*words), **options)
        self._processes.append(process)
        return process

    def programs(self, interface):
        """How many BPF programs are on an interface, by whatever hook. For tcx the kernel is asked itself: bpftool
        learnt of it later than distributions did."""
        with self:
            index = socket.if_nametoindex(interface)
            tcx = sum(_programs_at(index, hook) for hook in (BPF_TCX_INGRESS, BPF_TCX_EGRESS))
        filters = sum(run("tc", "-n", self.name, "filter", "show", "dev", interface, side).stdout.count(" tag ")
                      for side in ("ingress", "egress"))
        return tcx + filters + ("xdp" in json.loads(self.ip("-j", "link", "show", "dev", interface))[0])

    def socket(self, *arguments):
        with self:
            return socket.socket(*arguments)

    def counters(self, interface):
        """What the kernel itself counts: {"rx": {"bytes", "packets", "dropped", …}, "tx": {…}}."""
        return json.loads(self.ip("-s", "-s", "-j", "link", "show", "dev", interface))[0]["stats64"]

    def get(self, port, path, method="GET", headers=None, address="127.0.0.1", timeout=PATIENCE):
        """(status, headers, body as bytes) of a request made inside the namespace."""
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
        try:
            with self:
                connection.connect()
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def send_udp(self, address, port, numbers=None, **words):
        """Runs udp_send; what it sent, as it says: {"packets", "payload_bytes", "seconds"}."""
        if numbers is not None:
            words["numbers"] = "-"
        result = self.run(UDP_SEND, address, port, *(f"{name}={value}" for name, value in words.items()), timeout=300,
                          input=None if numbers is None else "\n".join(map(str, numbers)))
        return json.loads(result.stdout)

    def end(self):
        for process in self._processes:
            end_process(process)
        self._processes.clear()
        # A detached monitor is nobody's child here, but it is in the namespace.
        for pid in run("ip", "netns", "pids", self.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", self.name, check=False)


def end_process(process, patience=15):
    """Asks it to end, then makes it; its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        status = process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    return status


def join(near, far, name, number):
    """A veth between two hosts: `name` in both, 10.NUMBER.0.1 and .2 of /24, fd00:NUMBER::1 and ::2 of /64."""
    addresses = [f"02:00:00:{number:02x}:00:{end:02x}" for end in (1, 2)]
    # Made inside: the name may be taken outside, and the outside is not ours to change.
    run("ip", "-n", near.name, "link", "add", name, "address", addresses[0], "type", "veth", "peer", "name", name,
        "address", addresses[1], "netns", far.name)
    for host, end in ((near, 1), (far, 2)):
        host.run("sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0", f"net.ipv6.conf.{name}.router_solicitations=0",
                 f"net.ipv6.conf.{name}.accept_ra=0")
        host.ip("link", "set", name, "addrgenmode", "none")
        host.ip("addr", "add", f"10.{number}.0.{end}/24", "dev", name)
        host.ip("addr", "add", f"fd00:{number}::{end}/64", "dev", name, "nodad")
        host.ip("link", "set", name, "up")
        other = 3 - end
        for address in (f"10.{number}.0.{other}", f"fd00:{number}::{other}"):
            host.ip("neigh", "replace", address, "lladdr", addresses[other - 1], "dev", name, "nud", "permanent")
    wait_for(lambda: json.loads(near.ip("-j", "link", "show", "dev", name))[0]["operstate"] == "UP", f"{name} is up")


def without_noise(*pair):
    """No multicast of IPv6's own: what the test sends is all there is, and interfaces' counters tell the same."""
    for host in pair:
        host.run("sysctl", "-qw", "net.ipv6.conf.veth0.disable_ipv6=1")


class Monitor:
    """A flowgauge in a host, with a control socket, a configuration and a port of its own."""

    def __init__(self, host, directory, *words, config=None, port=8080, name="monitor", controlled=False):
        self.host, self.port, self.directory = host, port, directory
        self.control = directory / f"{name}.sock"
        self.config = directory / f"{name}.json"
        self.configure(config or {})
        self.words = ["-c", self.config, "--control", self.control,
                      "--listen", f"127.0.0.1:{port}" if port else "off", *words]
        self.log = directory / f"{name}.err"
        self.output = directory / f"{name}.out"
        self.log.touch()
        self.process = None
        self.controlled = controlled

    def configure(self, config):
        self.config.write_text(json.dumps(config), encoding="utf-8")

    def start(self):
        program = [CONTROLLER, "start"] if self.controlled else [FLOWGAUGE]
        with open(self.log, "wb") as log, open(self.output, "wb") as output:
            self.process = self.host.start(*program, *self.words, stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        wait_for(self._is_ready, f"the monitor is ready: {self.log.read_text()}")

    def _is_ready(self):
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the monitor ended with status {self.process.returncode}: {self.log.read_text()}")
        if not self.port:
            return self.controller("status", check=False).returncode == 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/-/ready")[0] == 200
        return False

    def stop(self):
        status = end_process(self.process)
        assert status == 0, f"status {status}: {self.log.read_text()}"

    def controller(self, command, *words, **options):
        return self.host.run(CONTROLLER, command, *words, "--control", self.control, **options)

    def get(self, path, **options):
        return self.host.get(self.port, path, **options)

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, f"{path}: {status} {body!r}"
        return json.loads(body)

    def metrics(self):
        status, _, body = self.get("/metrics")
        assert status == 200
        return samples(body.decode())

    def settle(self):
        """Waits for a report of a time after this call: every packet that arrived before is in it."""
        now = datetime.datetime.now(datetime.timezone.utc)
        wait_for(lambda: time_of(self.json("/api/v1/totals")["time"]) > now, "a report after what was sent")

    def flows(self, **wanted):
        """Flows of a settled report whose members are as wanted."""
        self.settle()
        flows = self.json("/api/v1/flows")["flows"]
        return [flow for flow in flows if all(flow[key] == value for key, value in wanted.items())]

    def flow(self, **wanted):
        found = self.flows(**wanted)
        assert len(found) == 1, f"{len(found)} flows with {wanted}: {self.json('/api/v1/flows')}"
        return found[0]

    def totals(self, interface, direction):
        """The ledger of a settled report, whose sum is proved here for every test that looks at one."""
        self.settle()
        for total in self.json("/api/v1/totals")["totals"]:
            if (total["interface"], total["direction"]) == (interface, direction):
                return balanced(total)
        raise AssertionError(f"no total of {interface} {direction}: {self.json('/api/v1/totals')}")


def wait_until_nothing_is_attached(host, interface):
    """The kernel takes programs off when the last descriptor is gone, which is soon, but not at once."""
    wait_for(lambda: not host.programs(interface), f"no program on {interface}")


def balanced(total):
    for unit in ("packets", "bytes"):
        assert total["seen"][unit] == sum(total[outcome][unit] for outcome in OUTCOMES), total
    return total


@contextlib.contextmanager
def receiver(host, port, family=socket.AF_INET, count=1):
    """Sockets that take what comes to count ports from `port` on and let it lie: no port unreachable goes back."""
    with contextlib.ExitStack() as stack:
        for number in range(port, port + count):
            taker = stack.enter_context(host.socket(family, socket.SOCK_DGRAM))
            taker.bind(("", number))
        yield


@contextlib.contextmanager
def namespaces(count):
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(Host())
            stack.callback(made[-1].end)
        yield made


@pytest.fixture(scope="session")
def able():
    """What every test here needs."""
    if os.geteuid() != 0:
        pytest.skip("not root: network namespaces and BPF programs need it")
    for program in (FLOWGAUGE, CONTROLLER, UDP_SEND):
        assert program.exists(), f"{program} has not been built: make all tests"


@pytest.fixture
def pair(able):
    """Two hosts joined by veth0: what is sent from the first is watched on the second."""
    with namespaces(2) as (near, far):
        join(near, far, "veth0", 1)
        yield near, far


@pytest.fixture
def place():
    """A directory with a short name: a Unix socket's path has 107 bytes at most."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="fgt-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def monitor_of(place):
    """Makes monitors on any host, each with files of its own: monitor_of(host, "-t", "0.2", config={…}) is ready."""
    made = itertools.count()

    def start(host, *words, **options):
        options.setdefault("name", f"monitor{next(made)}")
        return Monitor(host, place, *words, **options).start()

    return start


@pytest.fixture
def monitor(pair, monitor_of):
    """The same on the second host of the pair, unless another is named."""
    return lambda *words, host=pair[1], **options: monitor_of(host, *words, **options)
