# SPDX-License-Identifier: BSD-2-Clause
"""--read as its user meets it: what it takes, what it says of files it cannot take, and what it shows."""
import os
import pty
import re
import shutil
import subprocess

import pytest

import captures
import hosts
import packets

SOME = 30
DATA = packets.ethernet_frame(packets.udp_packet(5000, 6000, 100))


@pytest.fixture(autouse=True)
def permitted(able):
    """Replays need what monitors need."""


@pytest.fixture
def config(place):
    return written(place / "config.json", b"{}")


def written(path, data):
    path.write_bytes(data)
    return path


def frames(count=SOME, **options):
    """A second apart, of three flows."""
    data = [packets.ethernet_frame(packets.udp_packet(port, 6000, 100)) for port in (5000, 5001, 5002)]
    return [captures.frame((1 + i) * captures.SECOND, data[i % 3], **options) for i in range(count)]


@pytest.fixture
def good(place):
    return written(place / "good.pcap", captures.capture(frames()))


def refusal(config, path, **options):
    """The one line, of a run that showed nothing and failed."""
    result = captures.read(path, config, **options).result
    assert result.returncode == 1 and result.stdout == "", result
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()


def seen(reading):
    return reading.total["seen"]["packets"]


def test_files_that_are_none(config, place):
    assert refusal(config, place / "missing.pcap") == f"flowgauge: cannot read {place}/missing.pcap: No such file or directory"
    assert refusal(config, place).startswith(f"flowgauge: {place} is not a capture: ")
    for data in (b"", b"hello, this is no capture\n"):
        path = written(place / "none.pcap", data)
        line = refusal(config, path)
        assert line.startswith(f"flowgauge: {path} is not a capture: ") and line.endswith("a pcap or pcapng file would be right")


def test_link_type_that_is_not_understood(config, place):
    path = written(place / "wifi.pcap", captures.capture(frames(), link=127))
    line = refusal(config, path)
    assert line == (f"flowgauge: {path}: cannot read link type IEEE802_11_RADIO (127): "
                    "Ethernet, raw IP and Linux cooked (v1, v2) can be read")


@pytest.mark.parametrize("form", captures.FORMS)
def test_damage_in_the_middle(form, config, place):
    whole = captures.capture(frames(), form=form)
    size = (len(whole) - len(captures.capture([], form=form))) // SOME
    at = len(whole) - 10 * size
    for damaged in (whole[:at + size // 2], whole[:at] + b"\xff" * size + whole[at + size:]):
        reading = captures.read(written(place / "damaged", damaged), config)
        assert reading.result.returncode == 1
        assert seen(reading) == SOME - 10 == sum(flow.packets for flow in reading.flows.values())
        said = re.fullmatch(rf"flowgauge: {place}/damaged is damaged at byte (\d+), after {SOME - 10} frames: .*: "
                            r"what came before is counted\n", reading.result.stderr)
        assert said and at <= int(said[1]) <= len(damaged), reading.result.stderr


def test_standard_input(config, good):
    with good.open("rb") as stream:
        piped = captures.read("-", config, stdin=stream)
    with subprocess.Popen(["cat", str(good)], stdout=subprocess.PIPE) as cat:
        streamed = captures.read("-", config, stdin=cat.stdout)
    assert piped.result.returncode == streamed.result.returncode == 0
    assert piped.flows == streamed.flows == captures.read(good, config).flows
    assert seen(piped) == SOME


def test_empty_capture(config, place):
    for form in captures.FORMS:
        reading = captures.read(written(place / "empty", captures.capture([], form=form)), config)
        assert (reading.result.returncode, reading.flows, seen(reading), reading.result.stderr) == (0, {}, 0, "")


def test_time_running_backwards(config, place):
    one, two, three = frames(3)
    reading = captures.read(written(place / "backwards.pcap", captures.capture([three, one, two])), config)
    assert reading.result.returncode == 0 and seen(reading) == 3
    assert reading.result.stderr == "flowgauge: time ran backwards before 1 of 3 frames\n"


def test_cut_frames(config, place):
    reading = captures.read(written(place / "cut.pcap", captures.capture(frames(captured=60))), config)
    assert reading.total["flows"] == {"packets": SOME, "bytes": SOME * len(DATA)}
    assert {flow.payload_bytes for flow in reading.flows.values()} == {SOME // 3 * 100}
    assert f"{SOME} of {SOME} frames were captured in part" in reading.result.stderr


def test_jumbo_frames(config, place):
    """Up to 9216 bytes are looked at, here for a number at the very end; what is longer counts all the same."""
    sizes = (9216 - 42, 16000, 65000)
    data = [packets.ethernet_frame(packets.udp_packet(5000, 6000, size)) for size in sizes]
    whole = [captures.frame((1 + i) * captures.SECOND, each) for i, each in enumerate(data)]
    path = written(place / "jumbo.pcap", captures.capture(whole))
    (flow,) = captures.read(path, config).flows.values()
    assert flow[:3] == (3, sum(map(len, data)), sum(sizes))
    numbered = [captures.frame((1 + i) * captures.SECOND, data[0][:-4] + number.to_bytes(4, "big"))
                for i, number in enumerate((7, 8, 6))]
    path = written(place / "numbered.pcap", captures.capture(numbered))
    looking = written(place / "looking.json", b'{"OFFSET": %d}' % (sizes[0] - 4))
    result = captures.read(path, looking).result
    assert '"current":6' in result.stdout and '"reverse":1' in result.stdout, result


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv: it takes the capabilities away")
def test_missing_capabilities_are_named(config, good):
    for dropped, missing in (("-bpf,-sys_admin", "CAP_BPF"), ("-net_admin,-sys_admin", "CAP_NET_ADMIN"),
                             ("-all", "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN")):
        result = hosts.run("setpriv", f"--bounding-set={dropped}", "--inh-caps=-all", hosts.FLOWGAUGE, "-c", config, "--read", good,
                           check=False)
        assert result.returncode == 1
        assert result.stderr == f"flowgauge: not permitted to load BPF programs: {missing} missing: run as root, or grant them\n"


def test_rules(place, good):
    rules = written(place / "rules.json", b'{"RULES": ["- - [5000,5002] - UDP"]}')
    reading = captures.read(good, rules)
    assert {key[2] for key in reading.flows} == {5000, 5002}
    assert reading.total["filtered"]["packets"] == SOME // 3


def test_full_table(config, good):
    reading = captures.read(good, config, "--max-flows", "1")
    assert len(reading.flows) == 1
    assert reading.total["overflow"]["packets"] == SOME - SOME // 3


def shown(words, *, stderr=subprocess.PIPE):
    result = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True,
                            timeout=hosts.PATIENCE)
    return result.stdout, result.stderr


def test_console(config, good):
    out, err = shown([hosts.FLOWGAUGE, "-c", config, "--read", good])
    assert err == ""
    assert [line.split()[3] for line in out.splitlines() if line.startswith("capture") and "UDP" in line] == \
        ["10.1.0.1:5000", "10.1.0.1:5001", "10.1.0.1:5002"]


def test_progress_on_a_terminal_only(config, good):
    ours, theirs = pty.openpty()
    try:
        out, _ = shown([hosts.FLOWGAUGE, "-c", config, "--read", good], stderr=theirs)
        said = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert re.search(rf"\r\[#{{40}}\] 100 % {SOME} frames", said)
    assert "###" not in out and "capture" in out
