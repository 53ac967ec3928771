# SPDX-License-Identifier: BSD-2-Clause
"""Chromium, driven by chromedriver in the words of WebDriver (W3C). Both run in the second host of the pair, where the
monitor listens on loopback."""
import http.client
import json
import os
import shutil
import subprocess

import pytest

import hosts

PORT = 9515
# Nothing but the page is asked for: whatever the browser would fetch for itself is off.
WORDS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1300,800")


class Browser:
    def __init__(self, host, profile):
        self.host = host
        capabilities = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
                        "goog:chromeOptions": {"args": [*WORDS, f"--user-data-dir={profile}"],
                                               "binary": shutil.which("chromium")}}
        self._session = self._ask("POST", "", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=hosts.PATIENCE)
        try:
            with self.host:
                connection.connect()
            connection.request(method, f"/session{path}", body=json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            connection.close()
        assert answer.status == 200, value
        return value

    def open(self, address):
        self._ask("POST", f"/{self._session}/url", {"url": address})

    def run(self, script, *arguments):
        """What a script, run in the page, returns."""
        return self._ask("POST", f"/{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def complaints(self):
        """What the page wrote to the console since it was last asked, and what the browser refused it. The browser starts
        on a page of its own, which is not ours to judge."""
        entries = self._ask("POST", f"/{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if not entry["message"].startswith("chrome://")]

    def rows(self, body="flows"):
        """A table as it stands there: for each row {heading: text}; none if it is not shown."""
        return self.run("""
            const table = document.getElementById(arguments[0]).closest("table");
            if (!table.checkVisibility())
                return [];
            const heads = [...table.querySelectorAll("thead th")].map((cell) => cell.innerText.trim());
            return [...table.querySelectorAll("tbody tr")].map((row) =>
                Object.fromEntries([...row.cells].map((cell, column) => [heads[column], cell.innerText])));""", body)

    def state(self):
        return self.run("""const state = document.getElementById("state");
                           return {text: state.innerText, alarm: state.classList.contains("alarm")};""")

    def end(self):
        self._ask("DELETE", f"/{self._session}")


@pytest.fixture
def browser(pair, place):
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    host = pair[1]
    with open(place / "chromedriver.log", "wb") as log:
        driver = host.start("chromedriver", f"--port={PORT}", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            env={**os.environ, "HOME": str(place), "TMPDIR": str(place)})

    def answers():
        assert driver.poll() is None, (place / "chromedriver.log").read_text()
        try:
            return host.get(PORT, "/status")[0] == 200
        except OSError:
            return False

    hosts.wait_for(answers, "chromedriver answers")
    made = Browser(host, place / "profile")
    yield made
    made.end()
    hosts.end_process(driver)
