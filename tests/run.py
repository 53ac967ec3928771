#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the suites and counts: run.py [--build DIR] [unit] [model] [bpf] [fuzz] [e2e] [web]. The last line is "N passed, N failed".

unit and bpf are cmocka programs, whose TAP output is read as it comes, so that what a program did before it crashed
counts; model prints the same; e2e and web are pytest. fuzz is such programs, too, and libFuzzer's: one test each, $FUZZ_SECONDS (60) in all. A program that crashes, hangs or reports nothing is one more failed test, with its last lines
shown: a suite cannot pass by saying nothing.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITES = ("unit", "model", "bpf", "fuzz", "e2e", "web")
STAGES = ((("unit", "bpf"), ("model", "fuzz")), (("e2e",),), (("web",),))  # lanes of a stage run beside each other
SECONDS = {"unit": 180, "model": 600, "bpf": 600, "fuzz": 600, "e2e": 3600, "web": 600}  # a program that takes longer hangs
LINES_SHOWN = 30
# Captures, and services that take minutes, last, as they go with the last test: nothing disturbs these.
BESIDE = ("test_read.py", "test_rtt_tshark.py", "test_openstack.py", "test_openstack_monitor.py")

TAP_PLAN = re.compile(r"1\.\.(\d+)$")
TAP_RESULT = re.compile(r"(not )?ok (\d+) (?:(# SKIP)|-) (.*)$")
TAP_GROUP = re.compile(r"not ok 0 - ")  # cmocka's line for a group whose setup or teardown failed

Case = collections.namedtuple("Case", "name outcome text")  # outcome: passed, failed, skipped


def execute(command, seconds, environment):
    """Output and exit status; whatever the command started is ended with it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = f"no end after {seconds} s"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        return output.read().decode(errors="replace"), status


def last_lines(output):
    return "\n".join(output.rstrip().splitlines()[-LINES_SHOWN:])


def tap_cases(output):
    """The test cases of cmocka's TAP output, and how many more it announced than it reported.

    A result must bear the next number of its group, so that what a test prints itself is not taken for one. Output
    before a result belongs to its test, and so do the "#" lines after it.
    """
    cases, announced, number, before = [], 0, 0, []
    for line in output.splitlines():
        plan, result = TAP_PLAN.match(line), TAP_RESULT.search(line)
        if plan:
            announced, number, before = announced + int(plan[1]), 0, []
        elif result and int(result[2]) == number + 1:
            number += 1
            outcome = "skipped" if result[3] else "failed" if result[1] else "passed"
            cases.append(Case(result[4], outcome, "\n".join(before[-LINES_SHOWN:])))
            before = []
        elif TAP_GROUP.match(line):
            cases.append(Case(line, "failed", "\n".join(before[-LINES_SHOWN:])))
            before = []
        elif line.startswith("# ") and not before and cases:
            cases[-1] = cases[-1]._replace(text=f"{cases[-1].text}\n{line[2:]}".strip())
        else:
            before.append(line)
    return cases, announced - len(cases)


def tap_program(name, command, seconds):
    """The cases of one program. A test that skips prints why before it does."""
    output, status = execute(command, seconds, {"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    cases, unreported = tap_cases(output)
    for case in cases:
        yield case._replace(name=f"{name}::{case.name}")
    if not cases or unreported > 0:
        yield Case(name, "failed", f"{len(cases)} tests reported, then the end with exit status {status}\n" + last_lines(output))
    elif status != 0 and not any(case.outcome == "failed" for case in cases):
        yield Case(name, "failed", f"exit status {status}, though no test failed\n" + last_lines(output))


def cmocka_suite(suite, build):
    """Each program of the suite in turn."""
    programs = sorted((build / "tests" / suite).glob("test_*"))
    for program in (path for path in programs if path.suffix == "" and os.access(path, os.X_OK)):
        yield from tap_program(program.name, [str(program)], SECONDS[suite])


def model_suite(suite, build):
    command = ["/usr/bin/python3", str(ROOT / "tests" / suite / "check.py"), str(build / "tests" / suite)]
    yield from tap_program("flow_table", command, SECONDS[suite])


def fuzzers():
    """Each fuzzer for its share of the time. A crash fails, and names the input that does it."""
    place = ROOT / "build" / "fuzz"
    programs = sorted(path for path in place.glob("fuzz_*") if os.access(path, os.X_OK))
    seconds = max(1, int(os.environ.get("FUZZ_SECONDS", "60")) // max(1, len(programs)))
    for program in programs:
        crashes = place / "crashes" / program.name
        corpus = place / "corpus" / program.name
        for directory in (crashes, corpus):
            directory.mkdir(parents=True, exist_ok=True)
        command = [str(program), f"-max_total_time={seconds}", "-timeout=20", "-max_len=4096", f"-artifact_prefix={crashes}/",
                   str(corpus)]
        output, status = execute(command, seconds + SECONDS["fuzz"], {})
        runs = re.search(r"Done (\d+) runs", output)
        if status == 0 and runs and int(runs[1]) > 0:
            yield Case(f"{program.name} ({runs[1]} runs)", "passed", "")
        else:
            yield Case(program.name, "failed", f"exit status {status}; again: {program} THE INPUT NAMED BELOW\n" + last_lines(output))
    if not programs:
        yield Case("fuzzers", "failed", f"there is none in {place}: make fuzzers")


def fuzz_suite(suite, build):
    yield from cmocka_suite(suite, build)
    yield from fuzzers()


def junit_cases(document):
    for case in ElementTree.fromstring(document).iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if bad:
            yield Case(name, "failed", "\n".join(child.text or child.get("message", "") for child in bad))
        elif skipped is not None:
            yield Case(name, "skipped", skipped.get("message", ""))
        else:
            yield Case(name, "passed", "")


def pytest_part(suite, build, words):
    with tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "report.xml"
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *map(str, words)]
        environment = {"FLOWGAUGE_BUILD": str(build), "PYTHONDONTWRITEBYTECODE": "1"}
        output, status = execute(command, SECONDS[suite], environment)
        cases = list(junit_cases(report.read_text())) if report.exists() else []
    if not cases or status != 0 and not any(case.outcome == "failed" for case in cases):
        cases.append(Case(suite, "failed", f"{len(cases)} tests reported, exit status {status}\n" + last_lines(output)))
    return cases


def pytest_suite(suite, build):
    """What other traffic and load do not disturb runs beside the rest, in a process of its own."""
    place = ROOT / "tests" / suite
    beside = [place / name for name in BESIDE if (place / name).exists()]
    parts = [[place, *(f"--ignore={path}" for path in beside)], beside]
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        for cases in pool.map(lambda words: pytest_part(suite, build, words), filter(None, parts)):
            yield from cases


RUNNERS = {"model": model_suite, "e2e": pytest_suite, "web": pytest_suite, "fuzz": fuzz_suite}


def run_lane(suites, build):
    return [(suite, list(RUNNERS.get(suite, cmocka_suite)(suite, build))) for suite in suites]


def report(suite, cases, build):
    count = collections.Counter(case.outcome for case in cases)
    for case in cases:
        if case.outcome == "failed":
            print(f"FAILED {suite}: {case.name}\n    " + case.text.strip().replace("\n", "\n    "))
        elif case.outcome == "skipped":
            print(f"skipped {suite}: {case.name}: {case.text or 'it gives no reason'}")
    if not count:
        count["failed"] = 1
        print(f"FAILED {suite}: there is no test under {build / 'tests' / suite}")
    print(f"{suite}: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
    return count


def main():
    parser = argparse.ArgumentParser(description="Runs the tests.")
    parser.add_argument("--build", default="build", help="where the built tests are")
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}; all if none is named")
    words = parser.parse_args()
    unknown = set(words.suites) - set(SUITES)
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}: there are {', '.join(SUITES)}")
    build = (ROOT / words.build).resolve()
    total = collections.Counter()
    for stage in STAGES:
        lanes = [[suite for suite in lane if suite in (words.suites or SUITES)] for lane in stage]
        with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
            for results in pool.map(lambda lane: run_lane(lane, build), lanes):
                for suite, cases in results:
                    total += report(suite, cases, build)
    summary = f"{total['passed']} passed, {total['failed']} failed"
    summary += f", {total['skipped']} skipped" if total["skipped"] else ""
    (build / "tests").mkdir(parents=True, exist_ok=True)
    (build / "tests" / "summary").write_text(summary + "\n")
    print(summary)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
