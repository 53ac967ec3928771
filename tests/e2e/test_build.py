# SPDX-License-Identifier: BSD-2-Clause
"""The build's own promises: what install puts where, what the checks refuse, and that the runner counts honestly."""
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALLED = {
    "etc/flowgauge/config.json",
    "usr/lib/systemd/system/flowgauge.service",
    "usr/lib/sysusers.d/flowgauge.conf",
    "usr/sbin/flowgauge",
    "usr/sbin/monitor_controller",
    "usr/share/flowgauge/config.schema.json",
    "usr/share/man/man5/flowgauge.json.5",
    "usr/share/man/man8/flowgauge.8",
    "usr/share/man/man8/monitor_controller.8",
}


def run(*command, **options):
    # A make below this one would take over the flags and the job server of the make above.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment.update(options.pop("environment", {}))
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, **options)


def make(*words):
    result = run("make", "--no-print-directory", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def files_under(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_install_and_uninstall(tmp_path):
    words = (f"DESTDIR={tmp_path}", "PREFIX=/usr")
    make("install", *words)
    installed = {name for name in files_under(tmp_path) if "/examples/" not in name}
    assert installed == INSTALLED
    assert "ExecStart=/usr/sbin/flowgauge " in (tmp_path / "usr/lib/systemd/system/flowgauge.service").read_text()
    config = tmp_path / "etc/flowgauge/config.json"
    config.write_text("{}")
    make("install", *words)
    assert config.read_text() == "{}", "a configuration that is there is the user's"
    make("uninstall", *words)
    assert files_under(tmp_path) == {"etc/flowgauge/config.json"}


def test_unit_is_valid(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    unit = tmp_path / "flowgauge.service"
    text = (ROOT / "deploy/flowgauge.service").read_text()
    assert "CAP_SYS_ADMIN" not in text
    unit.write_text(text.replace("/usr/local/sbin/flowgauge", "/bin/true"))
    result = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("place, line, complaint", [
    ("user/base", '#include "measure/report.h"', 'base may not include "measure/report.h" of measure'),
    ("user/measure", '#include "kernel/monitor.h"', 'measure may not include "kernel/monitor.h" of kernel'),
    ("user/measure", "#include <time.h>", "<time.h> belongs to app, base, export, kernel, probe, not to measure"),
    ("user/export", '#include "measure/book.h"', 'export may not include "measure/book.h" of measure'),
    ("user/export", "#include <bpf/libbpf.h>", "<bpf/libbpf.h> belongs to bpf, kernel, not to export"),
    ("user/kernel", '#include "app/config.h"', 'kernel may not include "app/config.h" of app'),
    ("user/attic", "", "attic/ has no row in docs/architecture.md"),
    ("user/base", '#include "base/nothing.h"', '"base/nothing.h" is not among the sources'),
])
def test_layers_are_held(tmp_path, place, line, complaint):
    for part in ("include", "bpf", "user", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part)
    clean = run("scripts/layers.py", str(tmp_path))
    assert (clean.returncode, clean.stderr) == (0, "")
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "intruder.c").write_text(line + "\n")
    result = run("scripts/layers.py", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == f"{place}/intruder.c: {complaint}\n"


PROGRAMS = {  # what a test program prints and does -> passed, failed, skipped
    "passes": ("printf '1..2\\nok 1 - a\\nok 2 - b\\n'", (2, 0, 0)),
    "fails": ("printf '1..2\\nok 1 - a\\nnot ok 2 - b\\n# 1 != 2\\n'; exit 1", (1, 1, 0)),
    "skips": ("printf '1..2\\nok 1 - a\\nno CAP_BPF here\\nnot ok 2 # SKIP b\\n'", (1, 0, 1)),
    "crashes": ("printf '1..3\\nok 1 - a\\n'; kill -SEGV $$", (1, 1, 0)),
    "says nothing": ("true", (0, 1, 0)),
    "ends early": ("printf '1..2\\nok 1 - a\\n'", (1, 1, 0)),
    "leaks": ("printf '1..1\\nok 1 - a\\n'; echo leak; exit 23", (1, 1, 0)),
    "imitates": ("printf '1..2\\nok 7 - mine\\nok 1 - a\\nmid-line ok 2 - b\\n'", (2, 0, 0)),
    "two groups": ("printf '1..1\\nok 1 - a\\n1..1\\nok 1 - b\\n'", (2, 0, 0)),
    "group setup": ("printf '1..1\\nnot ok 0 - tests GROUP SETUP\\n'; exit 1", (0, 1, 0)),
}


def run_suite(build, programs):
    directory = build / "tests" / "unit"
    directory.mkdir(parents=True)
    for name in programs:
        program = directory / f"test_{name.replace(' ', '_')}"
        program.write_text(f"#!/bin/sh\n{PROGRAMS[name][0]}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return run("tests/run.py", "--build", str(build), "unit")


def summary(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_runner_counts(tmp_path, name):
    result = run_suite(tmp_path, [name])
    counts = PROGRAMS[name][1]
    assert result.stdout.splitlines()[-1] == summary(*counts)
    assert result.returncode == (1 if counts[1] else 0)


def test_runner_adds_up_and_explains(tmp_path):
    result = run_suite(tmp_path, PROGRAMS)
    assert result.stdout.splitlines()[-1] == summary(*(sum(counts[i] for _, counts in PROGRAMS.values()) for i in range(3)))
    assert result.returncode == 1
    assert "1 != 2" in result.stdout
    assert "skipped unit: test_skips::b: no CAP_BPF here" in result.stdout
    assert "1 tests reported, then the end with exit status -11" in result.stdout


def test_runner_fails_an_empty_suite(tmp_path):
    result = run("tests/run.py", "--build", str(tmp_path), "unit")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")


def fake_command(directory, name, script):
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def test_missing_library_is_named_with_its_packages(tmp_path):
    environment = fake_command(tmp_path, "pkg-config", '[ "$2" != libmnl ]')
    result = run("scripts/dependencies.sh", "check", "build", environment=environment)
    assert result.returncode == 1
    assert "missing: libmnl: install libmnl-dev (Debian, Ubuntu) or libmnl-devel (Fedora)" in result.stderr


@pytest.mark.parametrize("name, script, complaint", [
    ("pkg-config", 'case $1 in --atleast-version=*) exit 1;; --modversion) echo 0.5.0;; esac',
     "libbpf 0.5.0 is too old: version 1.0 or later is needed"),
    ("clang", "echo 11.0.1", "clang 11.0.1 is too old: version 14 or later is needed"),
])
def test_old_tool_is_refused(tmp_path, name, script, complaint):
    result = run("scripts/dependencies.sh", "check", "build", environment=fake_command(tmp_path, name, script))
    assert result.returncode == 1
    assert complaint in result.stderr
