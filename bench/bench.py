#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What flowgauge costs on this machine, as tables (Markdown, which reads as plain text, too) or as a line of JSON for
each measurement. Needs root, and what `make bench` builds.

The parts: packet (ns a packet inside the kernel, beside rivals), parts (flowgauge in parts: flows alone, with
the rate monitor's bins, with round-trip times), steps (what single steps of any monitor cost), drain (reading the flows), book
(arithmetic of a tick), metrics (a scrape), veth (end to end), live (the running monitor).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("FLOWGAUGE_BUILD", HERE.parent / "build")).resolve()
OBJECTS = HERE.parent / "build" / "bench"
BASELINE = [f"{OBJECTS / 'baseline.bpf.o'}:hash_{hook}" for hook in ("tc", "xdp")]
STEP_SETS = ("UDP 1k", "TCP 20k", "UDP 100k", "TCP 195k", "UDP 1M")
PART_SETS = ("UDP 1k, sequence off", "UDP 10k Zipf", "TCP 2k", "TCP 10k Zipf")
ROUNDS_LEAST = 7

sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "e2e")]
import live  # noqa: E402
import machine  # noqa: E402
import tables  # noqa: E402
import veth  # noqa: E402


def lines_of(program, *words):
    """A bench's standard output, line by line; its end is ours."""
    with subprocess.Popen([BUILD / "bench" / program, *map(str, words)], stdout=subprocess.PIPE, text=True) as process:
        yield from process.stdout
    if process.returncode:
        sys.exit(f"bench: {program}: status {process.returncode}")


def records_of(program, *words):
    yield from map(json.loads, lines_of(program, *words))


def text_of(part, program, *words):
    """A bench that writes for people."""
    yield {"part": part, "text": [line.rstrip("\n") for line in lines_of(program, *words)]}


def packet(options):
    words = [word for rival in BASELINE + options.compare for word in ("--compare", rival)]
    words += [word for each in options.set for word in ("--set", each)]
    words += ["--hook", options.hook] if options.hook else []
    return records_of("packet_bench", "--rounds", options.rounds, *words)


def parts(options):
    words = [word for each in options.set or PART_SETS for word in ("--set", each)]
    words += ["--hook", options.hook] if options.hook else []
    return records_of("packet_bench", "--parts", "--rounds", options.rounds, *words)


def steps(options):
    return records_of("packet_bench", "--steps", "--rounds", options.rounds,
                      *(word for each in options.set or STEP_SETS for word in ("--set", each)))


PARTS = {
    "packet": packet,
    "parts": parts,
    "steps": steps,
    "drain": lambda options: records_of("drain_bench", "--rounds", options.rounds),
    "book": lambda options: text_of("book", "book_bench"),
    "metrics": lambda options: text_of("metrics", "metrics_bench"),
    "veth": lambda options: veth.measure(options.rounds),
    "live": lambda options: live.measure(options.seconds),
}


def rounds(word):
    if not word.isdigit() or not ROUNDS_LEAST <= int(word) <= 101:
        raise argparse.ArgumentTypeError(f'"{word}" is not a whole number from {ROUNDS_LEAST} to 101')
    return int(word)


def arguments():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; all of it if none is named")
    parser.add_argument("--compare", action="append", default=[], metavar="OBJ:PROG",
                        help="another BPF object's program, for tc or XDP, gets a column of its own (packet)")
    parser.add_argument("--set", action="append", default=[], metavar="TEXT",
                        help="only the sets of packets whose name contains it (packet, parts, steps)")
    parser.add_argument("--hook", choices=("tc", "xdp"), help="only this one (packet, parts)")
    parser.add_argument("--rounds", type=rounds, default=ROUNDS_LEAST, metavar="N", help=f"interleaved rounds ({ROUNDS_LEAST})")
    parser.add_argument("--seconds", type=float, default=10, metavar="S", help="how long each number of flows is watched (live; 10)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each measurement instead of tables")
    parser.add_argument("--update", type=pathlib.Path, metavar="FILE",
                        help='put the tables into FILE, between its lines "<!-- bench PART -->" and "<!-- end -->"')
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f'there is no part "{part}": {", ".join(PARTS)}')
    return options


def update(path, part, text):
    """In the document, what this run says takes the place of what the last one said."""
    old = path.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- bench {part} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(old):
        sys.exit(f'bench: {path} has no lines "<!-- bench {part} -->" and "<!-- end -->"')
    path.write_text(marked.sub(lambda match: f"{match[1]}{text}\n{match[2]}", old), encoding="utf-8")


def show(options, part, records):
    """Records as they come, or the part's tables when it is done."""
    if options.json:
        for record in records:
            print(json.dumps(record), flush=True)
        return
    text = tables.RENDER[part](list(records))
    print(f"## {part}\n\n{text}\n", flush=True)
    if options.update:
        update(options.update, part, text)


def main():
    options = arguments()
    if os.geteuid():
        sys.exit("bench: not root: BPF programs and network namespaces need it")
    if options.json and options.update:
        sys.exit("bench: --update: tables go into a document: not with --json")
    show(options, "machine", [machine.describe()])
    for part in options.parts or PARTS:
        show(options, part, PARTS[part](options))


if __name__ == "__main__":
    main()
