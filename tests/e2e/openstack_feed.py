# SPDX-License-Identifier: BSD-2-Clause
"""openstack_feed, the monitor's own module with a test in its application's place: told by lines what to send, it tells how it went."""
import contextlib
import json
import os
import subprocess

from hosts import BUILD, end_process, wait_for

FEED = BUILD / "tests" / "e2e" / "linked" / "openstack_feed"


class Feed:
    """openstack_feed in a host: the module under test, and its log."""

    def __init__(self, host, place, *words, environment=None):
        self.log = place / "feed.err"
        self.words = [FEED, *words]
        with open(self.log, "wb") as log:
            self.process = host.start(*self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                      env={**os.environ, **(environment or {})})

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def sample(self, interface, time_ns, *values, volume=0):
        self.say(f"sample {interface} {time_ns} {volume} {' '.join(values)}")

    def report(self):
        self.say("report")
        return json.loads(self.process.stdout.readline())

    def wait(self, **wanted):
        """The first report with these members."""
        def is_there():
            report = self.report()
            return report if all(report[key] == value for key, value in wanted.items()) else None
        try:
            return wait_for(is_there, f"a report with {wanted}", patience=90)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.report()}: {self.log.read_text()}") from None

    def wait_until(self, condition, what):
        return wait_for(lambda: condition(self.report()), what)

    def logged(self, part):
        return wait_for(lambda: part in self.log.read_text(), f"{part!r} in {self.log.read_text()!r}")

    def end(self, seconds=0):
        if self.process.poll() is None:
            self.say(f"end {seconds}")
            self.process.wait(60)
        return end_process(self.process)


@contextlib.contextmanager
def fed(host, place, *words, **options):
    feed = Feed(host, place, *words, **options)
    try:
        yield feed
    finally:
        end_process(feed.process)
        feed_log = feed.log.read_text()
        assert "Sanitizer" not in feed_log, feed_log
