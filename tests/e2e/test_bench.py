# SPDX-License-Identifier: BSD-2-Clause
"""The benches measure what they say: every packet that they send is counted, others' objects take part or are refused in a
line that says why, and the tables stand where the document wants them. What it costs is nobody's business here."""
import json
import os
import subprocess
import sys

import pytest

from hosts import BUILD, ROOT

BASELINE = ROOT / "build" / "bench" / "baseline.bpf.o"
SET = "UDP 1k, sequence off"
SENT = 1000 + 7 * 2 ** 18


def packet_bench(*words):
    result = subprocess.run([BUILD / "bench" / "packet_bench", "--set", SET, *map(str, words)], capture_output=True,
                            text=True, check=False, timeout=300)
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


@pytest.mark.parametrize("hook", ("tc", "xdp"))
def test_every_packet_is_counted_and_a_rival_takes_part(able, hook):
    rival = f"hash_{hook}"
    status, (record,), errors = packet_bench("--hook", hook, "--compare", f"{BASELINE}:{rival}")
    assert (status, errors) == (0, "")
    empty, own, other = record["programs"]
    assert [one["name"] for one in (empty, own, other)] == ["empty", "flowgauge", rival]
    assert own["sent"] == own["counted"] == SENT
    assert all(one["min"] <= one["median"] <= one["max"] for one in record["programs"])
    assert other["net"] == other["min"] - empty["min"]


@pytest.mark.parametrize("rival, what", (
    ("/nothing/there.o:program", "/nothing/there.o cannot be opened as a BPF object: No such file or directory"),
    (f"{BASELINE}:nothing", f"{BASELINE} has no program nothing"),
))
def test_a_rival_that_does_not_load_is_told_once(able, rival, what):
    status, (record,), errors = packet_bench("--hook", "tc", "--compare", rival)
    assert status == 0
    assert errors == f"packet_bench: {rival.rsplit(':', 1)[1]}: does not load: {what}\n"
    assert [one["name"] for one in record["programs"]] == ["empty", "flowgauge"]


def test_a_rival_must_name_its_program(able):
    status, records, errors = packet_bench("--compare", BASELINE)
    assert (status, records) == (2, [])
    assert errors == f"packet_bench: --compare: \"{BASELINE}\" is not a BPF object's file and a program in it, as OBJ:PROG\n"


def test_tables_go_where_the_document_wants_them(able, tmp_path):
    document = tmp_path / "performance.md"
    document.write_text("before\n<!-- bench machine -->\n<!-- end -->\nbetween\n<!-- bench packet -->\nold\n<!-- end -->\nafter\n")
    subprocess.run([sys.executable, ROOT / "bench" / "bench.py", "packet", "--set", SET, "--hook", "tc", "--update", document],
                   check=True, capture_output=True, timeout=300, env={**os.environ, "FLOWGAUGE_BUILD": str(BUILD)})
    lines = document.read_text().splitlines()
    assert "old" not in lines
    assert lines[0] == "before" and "between" in lines and lines[-1] == "after"
    assert any(line.startswith("- kernel: Linux") for line in lines[:lines.index("between")])
    assert any(line.startswith(f"| {SET}") for line in lines[lines.index("between"):])
