# SPDX-License-Identifier: BSD-2-Clause
"""The rates of bursts of known sizes, against what a packet socket saw come in the same milliseconds. What was planned is no
truth on a machine that others use: what is compared is what really came, bin by bin of the same interval."""
import calendar
import contextlib
import json
import math
import os
import random
import re
import signal
import statistics
import subprocess
import time

import pytest

from hosts import ROOT, receiver, wait_for, without_noise

BURST_SEND = ROOT / "build" / "tests" / "tools" / "burst_send"
BIN_WATCH = ROOT / "build" / "tests" / "tools" / "bin_watch"
BIN_NS = 1_000_000
PORT = 5001
SECONDS_MAX = 60
SEED = int(os.environ.get("FLOWGAUGE_SEED", 20240117))


def realtime_ns(text):
    whole, fraction = re.fullmatch(r"(.*)\.(\d{9})Z", text).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction)


class Truth:
    """The bins of what came into veth0."""

    def __init__(self, host):
        self.process = host.start(BIN_WATCH, "veth0", BIN_NS // 1000, SECONDS_MAX, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        assert self.process.stdout.readline() == "ready\n"

    def end(self):
        output, _ = self.process.communicate(timeout=60)
        found = json.loads(output)
        assert found["dropped"] == 0, "the packet socket itself lost frames"
        self.first, self.offset, self.bins = found["first"], found["offset_ns"], found["bytes"]

    def of(self, record):
        """The bins of the interval that the record's estimate is of."""
        end = round((realtime_ns(record["estimated_rx"]) - self.offset) / BIN_NS) - self.first
        count = round(record["estimation_interval"] * 1e9 / BIN_NS)
        assert 0 <= end - count and end <= len(self.bins)
        return self.bins[end - count:end]


class Sender:
    def __init__(self, host, bursts):
        self.process = host.start(BURST_SEND, "10.1.0.2", PORT, BIN_NS // 1000, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        self.process.stdin.write("\n".join(map(str, bursts)))
        self.process.stdin.close()

    def end(self):
        assert self.process.wait(60) == 0
        said = json.loads(self.process.stdout.read())
        print(said)
        return said


@pytest.fixture
def quiet(pair):
    without_noise(*pair)
    print(f"seed {SEED}")
    with receiver(pair[1], PORT):
        yield pair


def record_of(watched):
    return watched.json("/api/v1/rates")["rates"][0]


def next_record(watched, after=None):
    """The record of the next estimate."""
    last = (after or record_of(watched))["estimated_rx"]

    def changed():
        record = record_of(watched)
        return record if record["estimated_rx"] not in (last, None) else None
    return wait_for(changed, "another estimate")


def test_lognormal_bursts(quiet, monitor):
    near, far = quiet
    draw = random.Random(SEED)
    # Median 15000 bytes a millisecond; a tenth of the time over 28500.
    bursts = [max(100, min(150000, round(draw.lognormvariate(math.log(15000), 0.5)))) for _ in range(13000)]
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": {"estimation_interval": 4, "link_speed": 228, "cutoff": 100}})
    truth = Truth(far)
    begun = next_record(watched)
    sender = Sender(near, bursts)
    records = []
    for _ in range(3):
        begun = next_record(watched, begun)
        records.append(begun)
    sender.end()
    truth.end()
    # The one in which the sender could do most of what it meant to; the first has its beginning, too.
    record = min(records[1:], key=lambda each: truth.of(each).count(0))
    bins = truth.of(record)
    mean, variance = statistics.fmean(bins), statistics.pvariance(bins)
    assert record["bins_rx"] == len(bins) == 4000 and record["lost_bins_rx"] == 0
    assert record["rx"] / 1000 == pytest.approx(mean, rel=0.01)
    assert record["sigma2_rx"] == pytest.approx(math.log(1 + variance / mean**2), rel=0.05)
    above = 100 * sum(each > 28500 for each in bins) / len(bins)
    print({"mean": mean, "empty": bins.count(0), "above": above, "measured": record["above_cutoff_rx"],
           "modelled": record["overload_risk_rx"], "fit_distance": record["fit_distance_rx"]})
    assert record["above_cutoff_rx"] == pytest.approx(above, abs=0.5)
    assert record["overload_risk_rx"] == pytest.approx(record["above_cutoff_rx"], abs=2)


def test_a_short_burst_shows_in_the_peaks_alone(quiet, monitor):
    near, far = quiet
    bursts = [1000] * 5000 + [50000] * 5 + [1000] * 6500
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": {"estimation_interval": 10, "link_speed": 1000}})
    truth = Truth(far)
    begun = next_record(watched, {"estimated_rx": None})
    sender = Sender(near, bursts)
    record = next_record(watched, begun)
    sender.end()
    truth.end()
    bins = truth.of(record)
    assert record["rx"] / 1000 == pytest.approx(statistics.fmean(bins), rel=0.01)
    assert record["rx"] / 1000 < 1.05 * 1000, "the burst is not in the mean"
    for name, length in (("1ms", 1), ("10ms", 10), ("100ms", 100)):
        peak = max(sum(bins[i:i + length]) for i in range(len(bins) - length + 1)) / length
        print(name, peak, record["peak_rx"][name])
        assert record["peak_rx"][name] / 1000 == pytest.approx(peak, rel=0.1)
    assert record["peak_rx"]["1ms"] / 1000 > 30 * 1000
    assert record["peak_rx"]["10ms"] / 1000 > 20 * 1000


def test_a_stopped_monitor_loses_bins_and_mixes_none(quiet, monitor):
    """Stopped for longer than the ring lasts, in traffic whose every bin is known."""
    near, far = quiet
    sizes = [500, 1000, 1500, 2000]
    bursts = [sizes[i // 50 % 4] for i in range(14000)]
    watched = monitor("-i", "veth0", "-t", "0.2", config={"rate": {"estimation_interval": 6, "link_speed": 1000}})
    truth = Truth(far)
    begun = next_record(watched, {"estimated_rx": None})
    sender = Sender(near, bursts)
    time.sleep(1)
    with stopped(watched):
        time.sleep(3.5)
    record = next_record(watched, begun)
    after = next_record(watched, record)
    sender.end()
    truth.end()
    lost = record["lost_bins_rx"]
    # A ring of 2048 bins; what had been read before the stop, and how late it ended, nobody knows.
    assert 1000 <= lost <= 6000 - 1000
    assert record["bins_rx"] == 6000 - lost
    assert "samples of the rate were lost" in watched.log.read_text()
    bins = truth.of(record)
    # Lost bins are in one piece, so that what is left is all the others, wherever the piece lay.
    left = [sum(bins) - sum(bins[i:i + lost]) for i in range(len(bins) - lost + 1)]
    read = record["rx"] / 1000 * record["bins_rx"]
    assert min(abs(read - each) for each in left) <= 5000, "bytes of bins that were read are those that came in them"
    assert record["peak_rx"]["1ms"] / 1000 <= max(bins) + 1500
    assert (after["bins_rx"], after["lost_bins_rx"]) == (6000, lost)
    assert after["rx"] / 1000 == pytest.approx(statistics.fmean(truth.of(after)), rel=0.01)


@contextlib.contextmanager
def stopped(watched):
    watched.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        watched.process.send_signal(signal.SIGCONT)
