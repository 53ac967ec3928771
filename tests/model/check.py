#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the model of the flow table with spin, and prints TAP: check.py DIRECTORY, where all that is made is put.

Each case is a verifier of its own, made by spin and compiled: the table as it is, in sizes that are searched to the end,
and the table with one step broken, where spin must find what goes wrong. Two run at a time, each with bounds on its
memory and its time; one that meets a bound has failed.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().with_name("flow_table.pml")
MEGABYTES, SECONDS, DEPTH, AT_ONCE = 950, 120, 20000, 2

# Bits of FLOWS: 1 and 2 share a home and a pair of lines, 4 has others. READS and DRAINS are what the monitor does.
SIZES = {
    "one flow, read meanwhile": "PACKETS_0=2 PACKETS_1=2 SLOTS=1 HOMES=1 FLOWS_0=1 FLOWS_1=1 ROUNDS=1 READS",
    "one flow, drained twice": "PACKETS_0=1 PACKETS_1=2 SLOTS=1 HOMES=1 FLOWS_0=1 FLOWS_1=1 ROUNDS=2 DRAINS",
    "two flows for one slot": "PACKETS_0=1 PACKETS_1=2 SLOTS=1 HOMES=1 FLOWS_0=3 FLOWS_1=3 ROUNDS=2 DRAINS",
    "a home of two slots": "PACKETS_0=1 PACKETS_1=2 SLOTS=2 HOMES=2 FLOWS_0=1 FLOWS_1=3 ROUNDS=2 DRAINS",
    "a home claimed under two locks": "PACKETS_0=1 PACKETS_1=2 SLOTS=2 HOMES=2 FLOWS_0=4 FLOWS_1=3 ROUNDS=2 DRAINS",
    "flows that are displaced": "PACKETS_0=1 PACKETS_1=2 SLOTS=2 HOMES=1 FLOWS_0=3 FLOWS_1=3 ROUNDS=2 DRAINS",
    "displaced into another's home": "PACKETS_0=1 PACKETS_1=2 SLOTS=2 HOMES=1 FLOWS_0=4 FLOWS_1=3 ROUNDS=2 DRAINS",
    "two flows, read and drained": "PACKETS_0=1 PACKETS_1=2 SLOTS=2 HOMES=1 FLOWS_0=3 FLOWS_1=3 ROUNDS=1 READS DRAINS",
    "one flow on three CPUs": "PACKETS_0=1 PACKETS_1=1 PACKETS_2=1 SLOTS=1 HOMES=1 FLOWS_0=1 FLOWS_1=1 ROUNDS=1 DRAINS",
}

FORMULAS = {
    "ends": "one flow, drained twice",
    "live_is_claimed": "displaced into another's home",
}

# What is broken, and the size in which that must show.
FAULTS = {
    "lock_by_load_and_store": "one flow, drained twice",
    "unlock_keeps_version": "one flow, read meanwhile",
    "key_before_word": "two flows for one slot",
    "no_key_at_retry": "two flows for one slot",
    "live_before_fill": "two flows for one slot",
    "born_unlocked": "flows that are displaced",
    "claim_by_load_and_store": "a home claimed under two locks",
    "fill_before_claim": "a home claimed under two locks",
    "bit_after_live": "a home claimed under two locks",
    "no_second_look": "a home of two slots",
    "no_home_in_second_look": "a home of two slots",
    "no_index_in_second_look": "flows that are displaced",
    "no_pair_lock": "a home of two slots",
    "drain_by_store": "one flow, drained twice",
    "drain_key_before_word": "two flows for one slot",
    "bit_before_record": "two flows for one slot",
    "bit_before_entry": "two flows for one slot",
    "no_entry_at_home": "two flows for one slot",
    "read_without_second_look": "one flow, read meanwhile",
    "spill_by_load_and_store": "one flow on three CPUs",
    "spill_on_one_side": "one flow, drained twice",
    "spill_without_grace": "one flow, drained twice",
}


def run(command, directory):
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=SECONDS, text=True, errors="replace")
    return done.returncode, done.stdout


def search(size, fault, formula, place):
    """What the verifier printed, and whether it searched to the end, and how many errors it found."""
    defines = [f"-D{word}" for word in SIZES[size].split()] + ([f"-DFAULT_{fault}"] if fault else [])
    property_flags = [] if formula else ["-DSAFETY", "-DNOCLAIM"]
    with tempfile.TemporaryDirectory(dir=place) as directory:
        for command in (["spin", "-a", *defines, str(MODEL)],
                        ["cc", "-w", "-O0" if fault else "-O2", f"-DMEMLIM={MEGABYTES}", *property_flags, "-o", "pan", "pan.c"]):
            status, output = run(command, directory)
            if status:
                return False, None, f"{' '.join(command)}: status {status}\n{output}"
        status, output = run(["./pan", f"-m{DEPTH}", "-w22", *(["-a", "-N", formula] if formula else [])], directory)
    errors = re.search(r"errors: (\d+)", output)
    whole = "Search not completed" not in output and "max search depth" not in output and status == 0
    return whole, int(errors[1]) if errors else None, output


def judge(case, place):
    """Name, whether it passed, and what there is to say."""
    size, fault, formula = case
    name = f"found: {fault}" if fault else f"{formula}: {size}" if formula else f"holds: {size}"
    try:
        whole, errors, output = search(size, fault, formula, place)
    except (OSError, subprocess.TimeoutExpired) as error:
        return name, False, str(error)
    states = re.search(r"(\d+) states, stored", output)
    what = re.search(r"^pan:\d+: (.*)$", output, re.MULTILINE)
    if fault:
        passed = errors == 1 and what is not None and bool(re.match(r"assertion violated (?!- invalid)", what[1]))
        return name, passed, what[1] if passed else f"not found in {size}\n{output}"
    if whole and errors == 0 and states:
        return name, True, f"{states[1]} states"
    return name, False, output


def main():
    place = pathlib.Path(sys.argv[1]).resolve()
    place.mkdir(parents=True, exist_ok=True)
    cases = [(size, None, None) for size in SIZES]
    cases += [(size, None, formula) for formula, size in FORMULAS.items()]
    cases += [(size, fault, None) for fault, size in FAULTS.items()]
    unlisted = set(re.findall(r"FAULT_(\w\w+)", MODEL.read_text())) ^ set(FAULTS)
    print(f"1..{len(cases) + 1}")
    print(f"{'not ok' if unlisted else 'ok'} 1 - every fault of the model is tried {' '.join(sorted(unlisted))}".rstrip())
    failed = bool(unlisted)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for number, (name, passed, text) in enumerate(pool.map(lambda case: judge(case, place), cases), 2):
            if not passed:
                print(text)
                failed = True
            print(f"{'ok' if passed else 'not ok'} {number} - {name}{' (' + text + ')' if passed else ''}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
