# SPDX-License-Identifier: BSD-2-Clause
"""A monitor that cannot start: one line that says what is wrong and what would be right, the exit status that the
manual gives, and nothing left behind."""
import os
import pathlib
import re
import socket
import subprocess

import pytest

from hosts import CONTROLLER, FLOWGAUGE, Monitor, receiver, run, wait_for, wait_until_nothing_is_attached

PORT = 5001
FAILED, WRONG_WORDS = 1, 2


def refused(host, place, *words, prefix=(), **options):
    """(exit status, its one line) of a monitor that should not start; nothing is left attached."""
    own = ("--control", place / "refused.sock", "--listen", "127.0.0.1:8099", "--duration", "5")
    result = host.run(*prefix, FLOWGAUGE, *own, *words, check=False, stdin=subprocess.DEVNULL, **options)
    assert result.returncode != 0, result.stdout + result.stderr
    assert re.fullmatch(r"flowgauge: [^\n]+\n", result.stderr), result.stderr
    assert not (place / "refused.sock").exists()
    return result.returncode, result.stderr


def test_unknown_interface(pair, place):
    status, line = refused(pair[1], place, "-i", "nosuch0")
    assert status == FAILED
    assert "nosuch0" in line and "veth0" in line, "the line lists those there are"
    wait_until_nothing_is_attached(pair[1], "veth0")


@pytest.mark.parametrize("text, said", [
    ('{"RULES": ["- - - -"]}', r"line 1: RULES"),
    ('{\n\n"interface": ["veth0"]}', r"line 3: interface: there is no such key: did you mean interfaces\?"),
    ('{"max_flows": "many"}', r"line 1: max_flows"),
    ('{"OFFSET": 1,', r"line 1"),
])
def test_bad_configuration(pair, place, text, said):
    config = place / "bad.json"
    config.write_text(text)
    for command, words in ((FLOWGAUGE, ()), (CONTROLLER, ("start",))):
        own = ("-c", config, "--control", place / "x.sock", "--listen", "off")
        result = pair[1].run(command, *words, *own, check=False)
        assert result.returncode == WRONG_WORDS
        assert re.fullmatch(rf"flowgauge: {re.escape(str(config))}: {said}[^\n]*\n", result.stderr), result.stderr
    wait_until_nothing_is_attached(pair[1], "veth0")


def test_bad_configuration_detached(pair, place):
    """What went wrong is seen by who started it, not only in a log."""
    config = place / "bad.json"
    config.write_text('{"max_flows": 0}')
    result = pair[1].run(CONTROLLER, "start", "--detached", "-c", config, "--control", place / "x.sock", check=False)
    assert result.returncode == WRONG_WORDS
    assert "max_flows" in result.stderr and result.stderr.count("\n") == 1, result.stderr


def test_port_taken(pair, place):
    with pair[1].socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 8099))
        taken.listen()
        status, line = refused(pair[1], place, "-i", "veth0")
    assert status == FAILED
    assert "8099" in line and "--listen" in line
    wait_until_nothing_is_attached(pair[1], "veth0")


@pytest.mark.parametrize("capability", ["cap_bpf", "cap_net_admin", "cap_perfmon"])
def test_without_a_capability(pair, place, capability):
    # CAP_SYS_ADMIN would stand in for the newer ones.
    without = ("capsh", f"--drop={capability},cap_sys_admin", "--", "-c", 'exec "$0" "$@"')
    status, line = refused(pair[1], place, "-i", "veth0", prefix=without)
    assert status == FAILED
    assert capability.upper() in line and "root" in line
    wait_until_nothing_is_attached(pair[1], "veth0")


def test_not_root(pair, place):
    place.chmod(0o777)
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all")
    status, line = refused(pair[1], place, "-i", "veth0", prefix=nobody)
    assert status == FAILED
    assert "CAP_BPF" in line and "CAP_NET_ADMIN" in line


def test_another_xdp_program(pair, place):
    """An XDP program of somebody else is on the device: --hook xdp is refused, and tc watches beside it."""
    far = pair[1]
    program = place / "pass.o"
    source = place / "pass.c"
    source.write_text('__attribute__((section("xdp"), used)) int only_pass(void *c) { return c ? 2 : 0; }\n')
    run("clang", "-target", "bpf", "-O2", "-g", "-c", "-o", program, source)
    far.ip("link", "set", "dev", "veth0", "xdp", "obj", program, "sec", "xdp")
    status, line = refused(far, place, "-i", "veth0", "--hook", "xdp")
    assert status == FAILED
    assert "veth0" in line and "another XDP program" in line and "--hook tc" in line
    watched = Monitor(far, place, "-i", "veth0", "-t", "0.2").start()
    with receiver(far, PORT):
        pair[0].send_udp("10.1.0.2", PORT, count=10)
    assert watched.flow(dport=PORT, direction="ingress")["packets"] == 10
    watched.stop()
    assert "xdp" in far.ip("link", "show", "dev", "veth0"), "the other's program is still there"


@pytest.mark.parametrize("words, said", [
    (("--interval", "0"), "interval"),
    (("--hook", "magic"), "magic"),
    (("--no-such-flag",), "no-such-flag"),
    (("word",), "word"),
    (("-i", ""), "-i|interface"),
    (("--max-flows", "0"), "max-flows"),
])
def test_wrong_words(able, words, said):
    result = run(FLOWGAUGE, *words, check=False)
    assert result.returncode == WRONG_WORDS
    assert re.fullmatch(r"flowgauge: [^\n]+\n", result.stderr) and re.search(said, result.stderr), result.stderr


def test_check_config(able, place):
    config = place / "good.json"
    config.write_text('{"RULES": ["- - - - -"]}')
    assert run(FLOWGAUGE, "--check-config", "-c", config).stdout == f"{config}: good\n"


@pytest.fixture
def little_memory():
    """Options by which a command has 128 MiB of memory, the kernel's for it included."""
    v1 = pathlib.Path("/sys/fs/cgroup/memory")
    group = (v1 if v1.is_dir() else v1.parent) / f"fg-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        limit = group / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")
        if not limit.exists():
            pytest.skip("cgroups here do not limit memory")
        limit.write_text(str(128 << 20))
        yield {"preexec_fn": lambda: (group / "cgroup.procs").write_text(str(os.getpid()))}
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group's processes have ended")
        group.rmdir()


def test_no_memory_for_the_table(pair, place, little_memory):
    for words in (("--hook", "tc"), ()):
        status, line = refused(pair[1], place, "-i", "veth0", "--max-flows", "1000000", *words, **little_memory)
        assert status == FAILED
        assert line == ("flowgauge: no memory for a table of 1000000 flows, which takes 242.6 MiB in the kernel: "
                        "use a smaller --max-flows\n")
    wait_until_nothing_is_attached(pair[1], "veth0")
    # What the line advises does help.
    result = pair[1].run(FLOWGAUGE, "-i", "veth0", "--max-flows", "10000", "--listen", "off", "--control",
                         place / "less.sock", "--duration", "0.5", **little_memory)
    assert result.returncode == 0
